import { isUtf8 } from "node:buffer";
import {
  type JournalRun,
  type LinesQuery,
  MAX_ENTRY_BYTES,
  type RunLines,
  type UnitLine,
} from "../../domain/journal.ts";
import type { Redactor } from "../../platform/data/redactor.ts";
import { FAILURE, untilArg } from "./journal.ts";

/** Bound of one answer. What is older than its end is left out. */
export const MAX_LINES_BYTES = 4 * 1024 * 1024;
/** Longer than the bound of a message, so that a secret across that bound is replaced as a whole. */
export const REDACTED_BYTES = MAX_ENTRY_BYTES + 1024;
const MAX_FIELD_BYTES = 256;
const MAX_IDENTIFIER_BYTES = 256;
const CUT = "…";
const WITHHELD = "[withheld: --journal.redact took too long]";
/** Bytes of the length of a value that isn't plain text. */
const LENGTH_BYTES = 8;
const SYSTEMD_PID = 1;
const ID = /^[0-9a-f]{32}$/;

/** Fields that an entry is made of, besides its position and time. */
const FIELDS = [
  "MESSAGE",
  "MESSAGE_ID",
  "PRIORITY",
  "SYSLOG_IDENTIFIER",
  "_PID",
  "_SYSTEMD_UNIT",
  "_SYSTEMD_INVOCATION_ID",
  "UNIT",
  "INVOCATION_ID",
];
/** Fields that an entry of a user's manager, or of a unit of it, has besides. */
const USER_FIELDS = ["_SYSTEMD_USER_UNIT", "USER_UNIT", "USER_INVOCATION_ID"];
/** Unit that a user's manager itself is in: it runs no other process there. */
const MANAGER_SCOPE = "init.scope";
/** Arguments of a journalctl that exports these fields. */
export const EXPORT_ARGS: readonly string[] = [
  "--output=export",
  `--output-fields=${FIELDS.join()}`,
];
/** Names of the fields that {@link entryOf} reads. */
export const ENTRY_FIELDS: ReadonlySet<string> = new Set([
  ...FIELDS,
  "__CURSOR",
  "__REALTIME_TIMESTAMP",
]);

/** An answer has room for so many times the lines: for those of other runs, too. */
const ROOM = 2;
/** Entries of one answer that ends at a time: of a flood, with the lines of other runs. */
const MAX_UNTIL_ENTRIES = 2_000;

type Asked = Pick<LinesQuery, "runs" | "lines" | "isExact" | "untilNs">;

/** Matches of the entries of a manager, and of its units, without the unit's name or the run's id. */
interface Fields {
  readonly args: readonly string[];
  /** Entries of the manager. */
  readonly manager: readonly string[];
  /** Entries of any unit. */
  readonly units: readonly string[];
  readonly unit: string;
  readonly aboutUnit: string;
  readonly aboutRun: string;
}

const OF_SYSTEM: Fields = {
  args: EXPORT_ARGS,
  manager: ["_PID=1"],
  units: [],
  unit: "_SYSTEMD_UNIT",
  aboutUnit: "UNIT",
  aboutRun: "INVOCATION_ID",
};

function fieldsOf(user: string | undefined): Fields {
  if (user === undefined) return OF_SYSTEM;
  return {
    args: ["--output=export", `--output-fields=${[...FIELDS, ...USER_FIELDS].join()}`],
    manager: [`_UID=${user}`, `_SYSTEMD_USER_UNIT=${MANAGER_SCOPE}`],
    units: [`_SYSTEMD_OWNER_UID=${user}`],
    unit: "_SYSTEMD_USER_UNIT",
    aboutUnit: "USER_UNIT",
    aboutRun: "USER_INVOCATION_ID",
  };
}

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

/** An entry as it was exported: neither bounded to a line's length nor redacted yet. */
export type ExportedEntry = UnitLine;

/**
 * Reads what journalctl printed: one character is one byte. Leaves out an entry that isn't complete, and
 * one without a time or a position, which no journal has.
 *
 * @param user as in {@link linesArgs}
 */
export function parseExport(text: string, user?: string): ExportedEntry[] {
  const entries: ExportedEntry[] = [];
  let fields = new Map<string, string>();
  for (let at = 0; at < text.length;) {
    const end = text.indexOf("\n", at);
    if (end < 0) return entries;
    if (end === at) {
      const entry = entryOf(fields, user);
      if (entry !== undefined) entries.push(entry);
      fields = new Map();
      at += 1;
      continue;
    }
    const equals = text.indexOf("=", at);
    if (equals > at && equals < end) {
      set(fields, text.slice(at, equals), text.slice(equals + 1, end));
      at = end + 1;
      continue;
    }
    const start = end + 1 + LENGTH_BYTES;
    const length = lengthAt(text, end + 1);
    if (length === undefined || start + length >= text.length) return entries;
    set(fields, text.slice(at, end), text.slice(start, start + length));
    at = start + length + 1;
  }
  return entries;
}

function lengthAt(text: string, at: number): number | undefined {
  const bytes = Buffer.from(text.slice(at, at + LENGTH_BYTES), "latin1");
  if (bytes.length < LENGTH_BYTES) return undefined;
  const length = bytes.readBigUInt64LE();
  return length > BigInt(text.length) ? undefined : Number(length);
}

/** Of a field with several values, the first is kept. */
function set(fields: Map<string, string>, name: string, value: string): void {
  if (!fields.has(name)) fields.set(name, value);
}

/** Returns the entry of these fields; undefined without a time or a position. One character is one byte. */
export function entryOf(
  fields: ReadonlyMap<string, string>,
  user?: string,
): ExportedEntry | undefined {
  const field = (name: string, maxBytes = MAX_FIELD_BYTES): string => {
    const value = fields.get(name) ?? "";
    return value.length > maxBytes ? "" : plain(value);
  };
  const time = field("__REALTIME_TIMESTAMP");
  const cursor = field("__CURSOR");
  if (!/^\d{1,18}$/.test(time) || cursor === "") return undefined;
  const pid = field("_PID");
  const priority = field("PRIORITY");
  const names = fieldsOf(user);
  const unit = field(names.unit);
  const isSystemd = user === undefined ? pid === "1" : unit === MANAGER_SCOPE;
  const invocationId = field(isSystemd ? names.aboutRun : "_SYSTEMD_INVOCATION_ID");
  const raw = fields.get("MESSAGE") ?? "";
  const bytes = Buffer.from(raw.slice(0, REDACTED_BYTES), "latin1");
  const whole = raw.length > REDACTED_BYTES ? bytes.subarray(0, boundary(bytes)) : bytes;
  return {
    timeNs: BigInt(time) * 1_000n,
    message: whole.toString("utf8"),
    priority: /^[0-7]$/.test(priority) ? Number(priority) : undefined,
    pid: /^\d{1,10}$/.test(pid) ? Number(pid) : undefined,
    identifier: clip(plain(fields.get("SYSLOG_IDENTIFIER") ?? ""), MAX_IDENTIFIER_BYTES),
    invocationId: ID.test(invocationId) ? invocationId : "",
    cursor,
    isFailure: isSystemd && field("MESSAGE_ID") === FAILURE,
    isAltered: !isUtf8(whole),
    unit: isSystemd ? field(names.aboutUnit) : unit,
  };
}

/** Returns a text of its own memory: a slice would keep the whole answer. */
function plain(bytes: string): string {
  return Buffer.from(bytes.slice(0, MAX_ENTRY_BYTES), "latin1").toString("utf8");
}

/** Returns where the last character that is complete ends. */
function boundary(bytes: Buffer): number {
  let at = bytes.length;
  for (let back = 1; back <= 4 && back <= bytes.length; back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return at;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      if (length > back) at = bytes.length - back;
      return at;
    }
  }
  return at;
}

/** Returns the text, or as much of it as fits into `maxBytes` with an ellipsis. */
function clip(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes) return text;
  const bytes = Buffer.from(text).subarray(0, maxBytes - Buffer.byteLength(CUT));
  return bytes.toString("utf8", 0, boundary(bytes)) + CUT;
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
  const texts = entries.flatMap(({ message, identifier }) => [message, identifier]);
  const redacted = redactor.redact(texts);
  return entries.map((entry, index) => {
    const message = redacted[2 * index];
    const text = clip(message ?? WITHHELD, MAX_ENTRY_BYTES);
    return {
      ...entry,
      message: text,
      identifier: redacted[2 * index + 1] ?? "",
      isAltered: entry.isAltered || text !== message,
    };
  });
}
