import { readUnitExtras } from "../../app/unit-extras.ts";
import type { Clock } from "../../domain/clock.ts";
import { processEnd } from "../../domain/exit-status.ts";
import type { JournalLine, JournalRun, ReadLines } from "../../domain/journal.ts";
import { asError } from "../../platform/data/as-error.ts";
import { someAtOnce } from "../../platform/data/some-at-once.ts";
import type { ReadingSource } from "../../domain/readings.ts";
import type { ContainerRecord } from "../../state/containers/container-record.ts";
import type { ManagerRecord } from "../../state/containers/user-manager.ts";
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
  /** Returns what queries the container's systemd; undefined if that isn't watched now. */
  readonly readingsOf: (manager: ManagerRecord) => ReadingSource | undefined;
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
  /** True if the condition is about several units, so that each is named. */
  readonly isNamed: boolean;
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
    if (shown.length > 0)
      subjects.push({ missing: condition, record, ids: shown, isNamed: ids.length > 1 });
  }
  return subjects;
}

async function detailsOf(
  { record, ids, isNamed }: Subject,
  options: UnitDetailsOptions,
): Promise<readonly string[]> {
  const ends = endsOf(record, { ...options, ids });
  let lines: readonly (readonly JournalLine[])[] = [];
  const failure: string[] = [];
  try {
    lines = await linesOf(record, { ...options, ids });
  } catch (error) {
    failure.push(`last lines unavailable: ${asError(error).message}`);
  }
  const known = await ends;
  const ofUnits = ids.flatMap((id, at) => {
    const end = known.get(id);
    const own = (lines[at] ?? []).map(lineText);
    const head = isNamed ? [end === undefined ? `${id}:` : `${id}: ${end}`] : [];
    return [...head, ...(isNamed || end === undefined ? [] : [end]), ...own];
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

/** Returns how the last run of each unit ended; a unit has none if that is unknown, or was no failure. */
async function endsOf(
  record: ContainerRecord,
  { ids, linesOf, readingsOf, clock }: UnitDetailsOptions & { readonly ids: readonly string[] },
): Promise<ReadonlyMap<string, string>> {
  const units = ids.flatMap((id) => record.systemd.units.get(id) ?? []);
  // Of a unit that was failed when it was listed, the state has no result.
  const unknown = units.filter(
    ({ activeState, result }) => activeState === "failed" && result === undefined,
  );
  const asked = unknown.map((unit) => [record, unit] as const);
  const extras = await readUnitExtras(asked, { watch: { linesOf, readingsOf }, lines: 0, clock });
  const ends = new Map<string, string>();
  for (const unit of units) {
    const past = extras.get(unit)?.past;
    const result = unit.result ?? past?.result ?? undefined;
    const exitStatus = unit.exitStatus ?? past?.exitCode ?? undefined;
    const end = endOf({ result, exitStatus, restarts: unit.restarts });
    if (end !== undefined) ends.set(unit.name, end);
  }
  return ends;
}

/** Returns how a run ended; undefined if that is unknown, or was no failure. */
function endOf({
  result,
  exitStatus,
  restarts,
}: Pick<UnitRecord, "result" | "exitStatus" | "restarts">): string | undefined {
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
