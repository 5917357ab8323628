import { isAscii as areAscii } from "node:buffer";
import {
  asIs,
  ENTRY_FIELDS,
  entryOf,
  type ExportedEntry,
  isAscii,
  plain,
  REDACTED_BYTES,
  transient,
} from "./exported-entry.ts";

/** One byte more than is used shows that a value was longer. */
const MAX_KEPT = REDACTED_BYTES + 1;
/** journald's own bound of a name. */
const MAX_NAME = 64;
/** journald's own bound of a value is 768 MiB. */
const MAX_VALUE_BYTES = 2n ** 30n;
const LENGTH_BYTES = 8;
const LINE_END = 10;
const EQUALS = 61;
/** Names of fields by their length. */
const NAMES: readonly (readonly string[])[] = Array.from({ length: MAX_NAME + 1 }, (_, length) =>
  ENTRY_FIELDS.filter((name) => name.length === length),
);

type Fields = Map<string, string | undefined>;

/**
 * Reads the export format as it comes, cut anywhere. It keeps the fields of one entry, each up to a
 * bound, whatever the stream holds. Its entries may keep the memory of the bytes that they came in.
 * https://systemd.io/JOURNAL_EXPORT_FORMATS/#journal-export-format
 */
export class ExportStream {
  readonly #onEntry: (entry: ExportedEntry) => void;
  readonly #fields: Fields = new Map();
  /** The part that the next byte belongs to: `end` is the line end after a value with a length. */
  #state: "line" | "length" | "value" | "end" = "line";
  /** Start of the line, length or value that isn't complete. */
  #kept = "";
  /** Name of the field whose length or value is read. */
  #name = "";
  /** Bytes of the value that are still to come. */
  #rest = 0;
  /** True if some of an entry was read by {@link #read}. */
  #isWithin = false;
  #unit = "";

  constructor(onEntry: (entry: ExportedEntry) => void) {
    this.#onEntry = onEntry;
  }

  /** @throws if the bytes are no export */
  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const text = bytes.toString("latin1");
    const decode = areAscii(bytes) ? asIs : transient;
    for (let at = 0; at < bytes.length;) {
      if (!this.#isWithin) at = this.#readWhole(text, at, decode);
      this.#isWithin = at < bytes.length;
      while (this.#isWithin && at < bytes.length) at = this.#read(bytes, at);
    }
  }

  /** Reads the entries that the text has as a whole; returns where the rest begins. */
  #readWhole(text: string, start: number, decode: typeof asIs): number {
    for (let at = start; ;) {
      const next = wholeEntry(text, at, this.#fields);
      if (next < 0) {
        clear(this.#fields);
        return at;
      }
      this.#entry(decode);
      at = next;
    }
  }

  #entry(decode: typeof asIs): void {
    const entry = entryOf(this.#fields, { decode, decodeUnit: this.#unitOf });
    clear(this.#fields);
    if (entry !== undefined) this.#onEntry(entry);
  }

  /** Most entries have the unit of the one before. */
  readonly #unitOf = (bytes: string): string => {
    if (bytes === this.#unit) return this.#unit;
    const unit = plain(bytes);
    if (isAscii(bytes)) this.#unit = unit;
    return unit;
  };

  /** Returns where the rest of the bytes begins. */
  #read(bytes: Buffer, at: number): number {
    switch (this.#state) {
      case "line": {
        const end = bytes.indexOf(LINE_END, at);
        this.#keep(bytes, at, end < 0 ? bytes.length : end);
        if (end < 0) return bytes.length;
        this.#line();
        return end + 1;
      }
      case "length": {
        const end = Math.min(bytes.length, at + LENGTH_BYTES - this.#kept.length);
        this.#keep(bytes, at, end);
        if (this.#kept.length === LENGTH_BYTES) this.#length();
        return end;
      }
      case "value": {
        const end = Math.min(bytes.length, at + this.#rest);
        this.#keep(bytes, at, end);
        this.#rest -= end - at;
        if (this.#rest === 0) this.#state = "end";
        return end;
      }
      case "end":
        if (bytes[at] !== LINE_END)
          throw new Error("journalctl's output has a value without an end");
        this.#set(this.#name, this.#kept);
        this.#begin("line");
        return at + 1;
      default:
        return this.#state satisfies never;
    }
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    // A line has its name too.
    const room = MAX_KEPT + MAX_NAME + 1 - this.#kept.length;
    if (room > 0) this.#kept += bytes.toString("latin1", start, Math.min(end, start + room));
  }

  #line(): void {
    const line = this.#kept;
    if (line === "") {
      this.#entry(transient);
      this.#isWithin = false;
      return;
    }
    const equals = line.indexOf("=");
    const name = equals < 0 ? line : line.slice(0, equals);
    if (name.length > MAX_NAME) throw new Error("journalctl's output has a line without a name");
    if (equals < 0) {
      this.#begin("length");
      this.#name = name;
    } else {
      this.#set(name, line.slice(equals + 1));
      this.#begin("line");
    }
  }

  #length(): void {
    const length = Buffer.from(this.#kept, "latin1").readBigUInt64LE();
    if (length > MAX_VALUE_BYTES)
      throw new Error(`journalctl's output has ${length} bytes in a value`);
    this.#rest = Number(length);
    this.#begin(this.#rest === 0 ? "end" : "value");
  }

  #begin(state: "line" | "length" | "value" | "end"): void {
    this.#state = state;
    this.#kept = "";
  }

  /** Of a field with several values, the first is kept. */
  #set(name: string, value: string): void {
    if (!ENTRY_FIELDS.includes(name) || this.#fields.get(name) !== undefined) return;
    this.#fields.set(name, value.slice(0, MAX_KEPT));
  }
}

/** The map's own method would leave its memory to the garbage collector. */
function clear(fields: Fields): void {
  for (const name of fields.keys()) fields.set(name, undefined);
}

/**
 * Sets the fields of the entry at `start`. Returns where the next one begins; -1 if the text doesn't have
 * all of it, or if something in it is invalid.
 */
function wholeEntry(text: string, start: number, fields: Fields): number {
  for (let at = start; ;) {
    const end = text.indexOf("\n", at);
    if (end < 0) return -1;
    if (end === at) return at + 1;
    const equals = equalsIn(text, at, end);
    if (equals - at > MAX_NAME) return -1;
    const name = nameAt(text, at, equals - at);
    let [from, to] = [equals + 1, end];
    if (equals === end) {
      from = end + 1 + LENGTH_BYTES;
      to = from + lengthAt(text, end + 1);
      // NaN isn't less either.
      if (!(to < text.length) || text.charCodeAt(to) !== LINE_END) return -1;
    }
    at = to + 1;
    if (name === undefined || fields.get(name) !== undefined) continue;
    fields.set(name, text.slice(from, Math.min(to, from + MAX_KEPT)));
  }
}

/** Returns the name of the field, if it is one of {@link ENTRY_FIELDS}. */
function nameAt(text: string, start: number, length: number): string | undefined {
  for (const name of NAMES[length] ?? []) if (text.startsWith(name, start)) return name;
  return undefined;
}

/** Returns where the first "=" of a line is, or else its end; it isn't sought past the bound of a name. */
function equalsIn(text: string, start: number, end: number): number {
  const limit = Math.min(end, start + MAX_NAME + 1);
  let at = start;
  while (at < limit && text.charCodeAt(at) !== EQUALS) at += 1;
  return at;
}

/** Returns the length of a value; NaN if the text ends before, more than any text has if it is invalid. */
function lengthAt(text: string, start: number): number {
  let length = 0;
  for (let at = LENGTH_BYTES - 1; at >= 0; at -= 1)
    length = length * 256 + text.charCodeAt(start + at);
  return length;
}
