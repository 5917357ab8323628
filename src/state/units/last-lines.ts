import type { FailedRun, JournalLine } from "../../domain/journal.ts";

/** Bounds of all units together. */
const MAX_CHARS = 4 * 1024 * 1024;
const MAX_UNITS = 2_000;

interface UnitLines {
  readonly invocationId: string;
  readonly order: number;
  readonly lines: readonly JournalLine[];
  readonly chars: number;
}

/** The last lines of units that failed. Past its bounds it evicts those that were read longest ago. */
export class LastLines {
  readonly #units = new Map<string, UnitLines>();
  readonly #maxLines: number;
  #chars = 0;

  /** @param maxLines most lines of one unit */
  constructor(maxLines: number) {
    this.#maxLines = maxLines;
  }

  /** Replaces the unit's lines, unless a later run has some; a run that failed before goes on with its own. */
  add(container: string, { run, order, lines }: Pick<FailedRun, "run" | "order" | "lines">): void {
    const key = keyOf(container, run.unit);
    const known = this.#units.get(key);
    const { invocationId } = run;
    const isSame = known !== undefined && known.invocationId === invocationId;
    if (!isSame && known !== undefined && known.order > order) return;
    const all = (isSame ? [...known.lines, ...lines] : lines).slice(-this.#maxLines);
    const chars = all.reduce((sum, { message }) => sum + message.length, 0);
    this.#remove(key);
    this.#units.set(key, { invocationId, order, lines: all, chars });
    this.#chars += chars;
    while (this.#units.size > MAX_UNITS || this.#chars > MAX_CHARS) {
      const [oldest = ""] = this.#units.keys();
      this.#remove(oldest);
    }
  }

  /** Returns the unit's lines, the oldest first. */
  of(container: string, unit: string): readonly JournalLine[] {
    return this.#units.get(keyOf(container, unit))?.lines ?? [];
  }

  /** The container was removed. */
  forget(container: string): void {
    const prefix = keyOf(container, "");
    for (const key of this.#units.keys()) if (key.startsWith(prefix)) this.#remove(key);
  }

  #remove(key: string): void {
    this.#chars -= this.#units.get(key)?.chars ?? 0;
    this.#units.delete(key);
  }
}

function keyOf(container: string, unit: string): string {
  return `${container} ${unit}`;
}
