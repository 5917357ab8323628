import { isUtf8 } from "node:buffer";
import { MAX_ENTRY_BYTES, type UnitLine } from "../../domain/journal.ts";
import { FAILURE } from "./journal.ts";

/** Longer than the bound of a message, so that a secret across that bound is replaced as a whole. */
export const REDACTED_BYTES = MAX_ENTRY_BYTES + 1024;
const MAX_FIELD_BYTES = 256;
const MAX_IDENTIFIER_BYTES = 256;
const CUT = "…";
/** Bytes of the length of a value that isn't plain text. */
const LENGTH_BYTES = 8;
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
export const ENTRY_FIELDS: readonly string[] = [...FIELDS, "__CURSOR", "__REALTIME_TIMESTAMP"];

/** Matches of the entries of a manager, and of its units, without the unit's name or the run's id. */
export interface Fields {
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

/** @param user whose manager's units these are. Default: the system's */
export function fieldsOf(user: string | undefined): Fields {
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

/** An entry as it was exported: neither bounded to a line's length nor redacted yet. */
export type ExportedEntry = UnitLine;

/**
 * Reads what journalctl printed: one character is one byte. Leaves out an entry that isn't complete, and
 * one without a time or a position, which no journal has.
 *
 * @param user as in {@link fieldsOf}
 */
export function parseExport(text: string, user?: string): ExportedEntry[] {
  const entries: ExportedEntry[] = [];
  let fields = new Map<string, string>();
  for (let at = 0; at < text.length;) {
    const end = text.indexOf("\n", at);
    if (end < 0) return entries;
    if (end === at) {
      const entry = entryOf(fields, { user });
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

interface EntryOptions {
  readonly user?: string | undefined;
  /** Makes text of bytes. Default: one that doesn't keep the memory of the fields. */
  readonly decode?: Decode;
  /** Does so for the name of a unit: filters cache it. */
  readonly decodeUnit?: Decode;
}

/** Returns the entry of these fields; undefined without a time or a position. One character is one byte. */
export function entryOf(
  fields: ReadonlyMap<string, string | undefined>,
  { user, decode = plain, decodeUnit = plain }: EntryOptions = {},
): ExportedEntry | undefined {
  const field = (name: string, decodeField = decode): string => {
    const value = fields.get(name) ?? "";
    return value.length > MAX_FIELD_BYTES ? "" : decodeField(value);
  };
  const time = field("__REALTIME_TIMESTAMP");
  const cursor = field("__CURSOR");
  if (!/^\d{1,18}$/.test(time) || cursor === "") return undefined;
  const pid = field("_PID");
  const identifier = fields.get("SYSLOG_IDENTIFIER") ?? "";
  const priority = field("PRIORITY");
  const names = fieldsOf(user);
  const unit = field(names.unit, decodeUnit);
  const isSystemd = user === undefined ? pid === "1" : unit === MANAGER_SCOPE;
  const invocationId = field(isSystemd ? names.aboutRun : "_SYSTEMD_INVOCATION_ID");
  const raw = fields.get("MESSAGE") ?? "";
  const isPlain = raw.length <= REDACTED_BYTES && (decode === asIs || isAscii(raw));
  const bytes = isPlain ? undefined : messageBytes(raw);
  return {
    timeNs: BigInt(time) * 1_000n,
    message: bytes === undefined ? decode(raw) : bytes.toString("utf8"),
    priority: /^[0-7]$/.test(priority) ? Number(priority) : undefined,
    pid: /^\d{1,10}$/.test(pid) ? Number(pid) : undefined,
    identifier: clip(decode(identifier.slice(0, MAX_ENTRY_BYTES)), MAX_IDENTIFIER_BYTES),
    invocationId: ID.test(invocationId) ? invocationId : "",
    cursor,
    isFailure: isSystemd && field("MESSAGE_ID") === FAILURE,
    isAltered: bytes !== undefined && !isUtf8(bytes),
    unit: isSystemd ? field(names.aboutUnit, decodeUnit) : unit,
  };
}

/** Returns the bytes of a message up to its bound. */
function messageBytes(raw: string): Buffer {
  const bytes = Buffer.from(raw.slice(0, REDACTED_BYTES), "latin1");
  return raw.length > REDACTED_BYTES ? bytes.subarray(0, boundary(bytes)) : bytes;
}

/** Returns the text of bytes, a character each. */
type Decode = (bytes: string) => string;

/** Returns a text that may share the memory of the bytes: for what isn't kept; see {@link own}. */
export function transient(bytes: string): string {
  return isAscii(bytes) ? bytes : plain(bytes);
}

/** Returns the text of bytes that are known to be ASCII. It shares their memory. */
export function asIs(bytes: string): string {
  return bytes;
}

const NOT_ASCII = /[\u0080-\u00ff]/;

export function isAscii(bytes: string): boolean {
  return !NOT_ASCII.test(bytes);
}

/** Returns a text of its own memory: a slice would keep the whole answer. */
export function plain(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString("utf8");
}

/** Returns a copy of a text that doesn't keep the memory of others. */
export function own(text: string): string {
  return Buffer.from(text).toString("utf8");
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
export function clip(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes) return text;
  const bytes = Buffer.from(text).subarray(0, maxBytes - Buffer.byteLength(CUT));
  return bytes.toString("utf8", 0, boundary(bytes)) + CUT;
}
