import type { Clock } from "../../domain/clock.ts";
import { processEnd } from "../../domain/exit-status.ts";
import type { JournalLine, JournalRun, ReadLines } from "../../domain/journal.ts";
import { asError } from "../../platform/data/as-error.ts";
import { someAtOnce } from "../../platform/data/some-at-once.ts";
import type { ContainerRecord } from "../../state/containers/container-record.ts";
import type { UnitRecord } from "../../state/units/unit-record.ts";
import { entryText } from "../journal-text.ts";
import type { Missing } from "./findings.ts";

/** Time in which all journals have to be read. */
const LIMIT_MS = 5_000;
const MAX_READS_AT_ONCE = 4;
/** Units with details, of all containers. */
const MAX_UNITS = 20;

export interface UnitDetailsOptions {
  /** Returns a function that reads the container's journal; undefined if it runs no systemd now. */
  readonly linesOf: (record: ContainerRecord) => ReadLines | undefined;
  /** Most lines of one unit. */
  readonly lines: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Lines about the units of a condition, not escaped. A journal entry can have several. */
export type UnitDetails = ReadonlyMap<Missing, readonly string[]>;

/** Units whose details are shown with a condition, each unit once. */
interface Subject {
  readonly missing: Missing;
  readonly record: ContainerRecord;
  readonly ids: readonly string[];
}

/** Reads what is known about the units of conditions that don't hold: result, exit status, last lines. */
export async function readUnitDetails(
  missing: readonly Missing[],
  options: UnitDetailsOptions,
): Promise<UnitDetails> {
  const details = new Map<Missing, readonly string[]>();
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(LIMIT_MS)]);
  await someAtOnce(subjectsOf(missing), MAX_READS_AT_ONCE, async (subject) => {
    details.set(subject.missing, await detailsOf(subject, { ...options, signal }));
  });
  return details;
}

function subjectsOf(missing: readonly Missing[]): readonly Subject[] {
  const known = new Set<string>();
  const subjects: Subject[] = [];
  for (const condition of missing) {
    if (condition.units === undefined) continue;
    const { record, ids } = condition.units;
    const shown = ids.filter((id) => {
      const key = `${record.identity.id} ${id}`;
      if (known.has(key) || known.size === MAX_UNITS) return false;
      known.add(key);
      return true;
    });
    if (shown.length > 0) subjects.push({ missing: condition, record, ids: shown });
  }
  return subjects;
}

async function detailsOf(
  { record, ids }: Subject,
  options: UnitDetailsOptions,
): Promise<readonly string[]> {
  let lines: readonly (readonly JournalLine[])[] = [];
  const failure: string[] = [];
  try {
    lines = await linesOf(record, { ...options, ids });
  } catch (error) {
    failure.push(`last lines unavailable: ${asError(error).message}`);
  }
  const ofUnits = ids.flatMap((id, at) => {
    const end = endOf(record.systemd.units.get(id));
    const own = (lines[at] ?? []).map(lineText);
    const head = ids.length > 1 ? [end === undefined ? `${id}:` : `${id}: ${end}`] : [];
    return [...head, ...(ids.length > 1 || end === undefined ? [] : [end]), ...own];
  });
  return [...ofUnits, ...failure];
}

/** Reads the last lines of each unit. */
async function linesOf(
  record: ContainerRecord,
  { ids, linesOf, lines, clock, signal }: UnitDetailsOptions & { readonly ids: readonly string[] },
): Promise<readonly (readonly JournalLine[])[]> {
  const read = linesOf(record);
  if (read === undefined) return [];
  // A unit that was failed when it was listed has no known run.
  const runs: readonly JournalRun[] = ids.map((unit) => ({ unit, invocationId: "" }));
  const query = { lines, atNs: clock.nowNs(), signal };
  const found = await read({ ...query, runs });
  return Promise.all(
    found.map(async ({ run, lines: some, isComplete }) => {
      if (isComplete || runs.length === 1) return some;
      // Lines of the other units left no room.
      const [alone] = await read({ ...query, runs: [run] });
      return alone?.lines ?? some;
    }),
  );
}

/** Returns how the unit's last run ended; undefined if that is unknown, or was no failure. */
function endOf(unit: UnitRecord | undefined): string | undefined {
  const { result, exitStatus, restarts = 0 } = unit ?? {};
  if (result === undefined || result === "success") return undefined;
  const end = processEnd(result, exitStatus);
  const status = end === undefined ? "" : `, ${end.isSignal ? "" : "exit status "}${end.text}`;
  const meaning = end?.meaning === undefined ? "" : ` (${end.meaning})`;
  const times = restarts === 0 ? "" : `, restarted ${restarts} times`;
  return `result ${result}${status}${meaning}${times}`;
}

function lineText({ timeNs, ...line }: JournalLine): string {
  return entryText({ ...line, timeMs: Number(timeNs / 1_000_000n) });
}
