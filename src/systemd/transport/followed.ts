import type { FollowQuery, JournalPosition } from "../../domain/journal.ts";
import type { Redactor } from "../../platform/data/redactor.ts";
import { sinceArg } from "../format/journal.ts";
import { EXPORT_ARGS, type ExportedEntry, own } from "../format/exported-entry.ts";
import { shownLines } from "../format/journal-lines.ts";
import { numberOf } from "../format/journal-order.ts";

/** A cursor as journalctl prints it; it becomes an argument of the next journalctl. */
const CURSOR = /^[a-z]=[0-9a-f]+(?:;[a-z]=[0-9a-f]+){1,9}$/;

export interface FollowedOptions {
  readonly redactor: Redactor;
  /** Returns true for the units whose entries are wanted. */
  readonly isWanted: (unit: string) => boolean;
}

/** A journal as far as it was followed. */
export class Followed {
  readonly #options: FollowedOptions;
  readonly #take: FollowQuery["take"];
  #position: JournalPosition;

  constructor({ from, take }: Pick<FollowQuery, "from" | "take">, options: FollowedOptions) {
    this.#position = from;
    this.#take = take;
    this.#options = options;
  }

  /** When the newest entry was written, or the time to begin at: Unix milliseconds. */
  get timeMs(): number {
    if ("sinceNs" in this.#position) return Number(this.#position.sinceNs / 1_000_000n);
    return (
      Number.parseInt(/;t=([0-9a-f]{1,13})\b/.exec(this.#position.cursor)?.[1] ?? "0", 16) / 1_000
    );
  }

  /**
   * Arguments of a journalctl that goes on from here. The entry of a cursor comes again, for it shows that
   * the journal still has it. If it hasn't, journalctl begins with the next one, which `--after-cursor`
   * would leave out.
   */
  get args(): readonly string[] {
    const position = this.#position;
    const at = "cursor" in position ? `--cursor=${position.cursor}` : sinceArg(position.sinceNs);
    return ["--no-pager", "--quiet", ...EXPORT_ARGS, at];
  }

  /**
   * Returns the entries after the one followed to, and whether none is missing between: that one is among
   * these, or was vacuumed and had the number before the first.
   */
  after(entries: readonly ExportedEntry[]): {
    readonly entries: readonly ExportedEntry[];
    readonly isKnown: boolean;
  } {
    const position = this.#position;
    if (!("cursor" in position)) return { entries, isKnown: true };
    const at = entries.findLastIndex(({ cursor }) => isSameEntry(cursor, position.cursor));
    const isNext = at < 0 && follows(entries[0]?.cursor ?? "", position.cursor);
    return { entries: entries.slice(at + 1), isKnown: at >= 0 || isNext };
  }

  /** Passes new entries on. @throws if one has no cursor that journald can have written */
  pass(entries: readonly ExportedEntry[], isAfterGap: boolean): void {
    const cursor = entries.at(-1)?.cursor;
    if (cursor === undefined) return;
    if (!CURSOR.test(cursor)) throw new Error("journalctl's output has an invalid cursor");
    const { redactor, isWanted } = this.#options;
    const wanted = entries.filter(({ unit }) => isWanted(unit));
    const position = { cursor: own(cursor) };
    this.#position = position;
    this.#take({ lines: shownLines(wanted, redactor), ...position, isAfterGap });
  }
}

/** Compares all but the number: journald gives another one when it moves an entry to the disk. */
function isSameEntry(one: string, other: string): boolean {
  return one === other || identityOf(one) === identityOf(other);
}

function identityOf(cursor: string): string {
  const parts = cursor.split(";");
  return parts.filter((part) => !/^[si]=/.test(part)).join(";");
}

/** Returns true if an entry is the next one in the journal of the other. */
function follows(cursor: string, other: string): boolean {
  const [next, before] = [numberOf(cursor), numberOf(other)];
  if (next === undefined || before === undefined) return false;
  return next.journal === before.journal && next.number === before.number + 1;
}
