import {
  type JournalRun,
  type LinesQuery,
  MAX_ENTRY_BYTES,
  type RunLines,
  type UnitLine,
} from "../../domain/journal.ts";
import type { Redactor } from "../../platform/data/redactor.ts";
import { clip, type ExportedEntry, fieldsOf } from "./exported-entry.ts";
import { untilArg } from "./journal.ts";

/** Bound of one answer. What is older than its end is left out. */
export const MAX_LINES_BYTES = 4 * 1024 * 1024;
const WITHHELD = "[withheld: --journal.redact took too long]";
const SYSTEMD_PID = 1;
/** An answer has room for so many times the lines: for those of other runs, too. */
const ROOM = 2;
/** Entries of one answer that ends at a time: of a flood, with the lines of other runs. */
const MAX_UNTIL_ENTRIES = 2_000;

type Asked = Pick<LinesQuery, "runs" | "lines" | "isExact" | "untilNs">;

/**
 * Returns the arguments of a journalctl that prints the last entries of these runs, the newest first, in
 * the export format: JSON has `null` in place of long values, or else prints them in any length.
 * https://systemd.io/JOURNAL_EXPORT_FORMATS/#journal-export-format
 *
 * @param user whose manager's units the runs are of. Default: the system's
 */
export function linesArgs(
  { runs, lines, isExact = false, untilNs }: Asked,
  user?: string,
): readonly string[] {
  const fields = fieldsOf(user);
  const ids = runs.flatMap(({ invocationId }) => (invocationId === "" ? [] : [invocationId]));
  const unknown = runs.filter(({ invocationId }) => invocationId === "");
  // Of a process that has ended, journald may not find the run: such lines have their unit alone.
  const isAnyRun = !isExact || untilNs !== undefined;
  const units = [...new Set((isAnyRun ? runs : unknown).map(({ unit }) => unit))];
  const matches = [
    ids.map((id) => `_SYSTEMD_INVOCATION_ID=${id}`),
    ids.length === 0 ? [] : [...fields.manager, ...ids.map((id) => `${fields.aboutRun}=${id}`)],
    units.length === 0 ? [] : [...fields.units, ...units.map((unit) => `${fields.unit}=${unit}`)],
    // systemd's entries about other runs show where those begin.
    units.length === 0
      ? []
      : [...fields.manager, ...units.map((unit) => `${fields.aboutUnit}=${unit}`)],
  ].filter(({ length }) => length > 0);
  return [
    "--no-pager",
    "--quiet",
    ...fields.args,
    "--reverse",
    `--lines=${maxEntries({ runs, lines, untilNs })}`,
    ...(untilNs === undefined ? [] : [untilArg(untilNs)]),
    ...matches.flatMap((terms) => ["+"].concat(terms)).slice(1),
  ];
}

/** Returns how many entries one answer has at most. */
export function maxEntries({ runs, lines, untilNs }: Asked): number {
  const most = runs.length * lines * ROOM;
  return untilNs === undefined ? most : Math.max(most, MAX_UNTIL_ENTRIES);
}

/**
 * Returns the last lines of each run.
 *
 * @param entries the newest first; none is left out that is newer than the last
 * @param isAll true if these are all entries of the runs
 */
export function runLines(
  entries: readonly ExportedEntry[],
  { runs, lines }: Asked,
  options: { readonly isAll: boolean; readonly redactor: Redactor },
): readonly RunLines[] {
  const found = runs.map((run) => entriesOf(run, entries));
  const chosen = found.map(({ own }) => own.slice(0, lines));
  const all = shownLines(chosen.flat(), options.redactor).map(({ unit: _unit, ...line }) => line);
  let at = 0;
  return chosen.map((own, index) => {
    const shown = all.slice(at, at + own.length);
    at += own.length;
    const isComplete = options.isAll || shown.length === lines || found[index]?.isWhole === true;
    const { [index]: run = { unit: "", invocationId: "" } } = runs;
    return { run, lines: shown.toReversed(), isComplete };
  });
}

/** Entries of one run, the newest first. */
interface OwnEntries {
  readonly own: readonly ExportedEntry[];
  /** True if they are all: an entry of an earlier run of the unit follows them. */
  readonly isWhole: boolean;
}

/**
 * An entry that has a unit and no run belongs to the run that the journal is at. systemd's own entries are
 * right about the run; of the unit's, journald reads it from a file that systemd leaves as it is when it
 * restarts the unit by RestartMode=direct. So an entry of an earlier run than systemd's entries belongs to
 * theirs, unless its process had written before. The answer can begin after systemd's entries of that
 * earlier run: then systemd's first entry, or the run that it has begun and not ended, shows whose it is.
 */
function entriesOf(run: JournalRun, entries: readonly ExportedEntry[]): OwnEntries {
  const ofUnit = entries.filter(
    ({ unit, invocationId }) =>
      unit === run.unit || (invocationId !== "" && invocationId === run.invocationId),
  );
  const newest = ofUnit.find(({ invocationId }) => invocationId !== "")?.invocationId ?? "";
  const id = run.invocationId === "" ? newest : run.invocationId;
  const { named, first, isReused } = namedBySystemd(ofUnit);
  const oldest = ofUnit.findLast(({ invocationId }) => invocationId !== "")?.invocationId ?? "";
  let current = isReused(oldest) ? first : oldest;
  let begun = "";
  let isRunning = true;
  let isWhole = false;
  const own: ExportedEntry[] = [];
  const ended = new Set<string>();
  const runOf = new Map<number, string>();
  for (const entry of ofUnit.toReversed()) {
    const { invocationId, pid } = entry;
    const isSystemd = pid === SYSTEMD_PID;
    if (isSystemd && invocationId !== "" && invocationId !== current) ended.add(current);
    if (isSystemd) ended.delete(invocationId);
    if (isSystemd && invocationId !== "") {
      isRunning = !entry.isFailure && (isRunning || invocationId !== begun);
      begun = invocationId;
    }
    const known = pid === undefined || isSystemd ? undefined : runOf.get(pid);
    const isUnnamed = first !== "" && invocationId !== "" && !named.has(invocationId);
    const isCutOff = isUnnamed && (begun === "" ? isReused(invocationId) : isRunning);
    const isStale = !isSystemd && (ended.has(invocationId) || isCutOff);
    if (invocationId !== "" && !isStale) current = invocationId;
    const run = isStale && known !== undefined ? known : current;
    if (pid !== undefined && !isSystemd) runOf.set(pid, run);
    if (run === id) own.push(entry);
    else if (own.length === 0) isWhole = true;
  }
  return { own: own.toReversed(), isWhole: isWhole && own.length > 0 };
}

/** Runs that systemd's entries are about. */
interface NamedRuns {
  readonly named: ReadonlySet<string>;
  /** Run of the oldest such entry; "" without one. */
  readonly first: string;
  /** True for a run without such an entry that lines of another process have after one: they aren't its own. */
  readonly isReused: (invocationId: string) => boolean;
}

/** @param ofUnit the newest first */
function namedBySystemd(ofUnit: readonly ExportedEntry[]): NamedRuns {
  const isNaming = ({ pid, invocationId }: ExportedEntry): boolean =>
    pid === SYSTEMD_PID && invocationId !== "";
  const named = new Set(ofUnit.filter(isNaming).map(({ invocationId }) => invocationId));
  const at = ofUnit.findLastIndex(isNaming);
  const before = new Set(ofUnit.slice(at + 1).map(({ pid }) => pid));
  const later = ofUnit.slice(0, Math.max(at, 0)).filter(({ pid }) => !before.has(pid));
  const reused = new Set(later.map(({ invocationId }) => invocationId));
  return {
    named,
    first: ofUnit[at]?.invocationId ?? "",
    isReused: (invocationId) => reused.has(invocationId) && !named.has(invocationId),
  };
}

/** Returns the entries bounded, and with secrets replaced. */
export function shownLines(
  entries: readonly ExportedEntry[],
  redactor: Redactor,
): readonly UnitLine[] {
  const texts: string[] = [];
  for (const { message, identifier } of entries) texts.push(message, identifier);
  const redacted = redactor.redact(texts);
  return entries.map((entry, index) => {
    const message = redacted[2 * index];
    const text = clip(message ?? WITHHELD, MAX_ENTRY_BYTES);
    const identifier = redacted[2 * index + 1] ?? "";
    if (text === entry.message && identifier === entry.identifier) return entry;
    const isAltered = entry.isAltered || text !== message;
    return { ...entry, message: text, identifier, isAltered };
  });
}
