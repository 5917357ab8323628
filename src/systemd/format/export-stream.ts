import { ENTRY_FIELDS, entryOf, type ExportedEntry, REDACTED_BYTES } from "./journal-lines.ts";

/** One byte more than is used shows that a value was longer. */
const MAX_KEPT = REDACTED_BYTES + 1;
/** journald's own bound of a name. */
const MAX_NAME = 64;
/** journald's own bound of a value is 768 MiB. */
const MAX_VALUE_BYTES = 2n ** 30n;
const LENGTH_BYTES = 8;
const LINE_END = 10;

/**
 * Reads the export format as it comes, cut anywhere. It keeps the fields of one entry, each up to a
 * bound, whatever the stream holds.
 * https://systemd.io/JOURNAL_EXPORT_FORMATS/#journal-export-format
 */
export class ExportStream {
  readonly #onEntry: (entry: ExportedEntry) => void;
  #fields = new Map<string, string>();
  /** The part that the next byte belongs to: `end` is the line end after a value with a length. */
  #state: "line" | "length" | "value" | "end" = "line";
  /** Start of the line, length or value that isn't complete. */
  #kept = "";
  /** Name of the field whose length or value is read. */
  #name = "";
  /** Bytes of the value that are still to come. */
  #rest = 0;

  constructor(onEntry: (entry: ExportedEntry) => void) {
    this.#onEntry = onEntry;
  }

  /** @throws if the bytes are no export */
  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let at = 0; at < bytes.length;) at = this.#read(bytes, at);
  }

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
      const entry = entryOf(this.#fields);
      this.#fields = new Map();
      if (entry !== undefined) this.#onEntry(entry);
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
    if (!ENTRY_FIELDS.has(name) || this.#fields.has(name)) return;
    this.#fields.set(name, value.slice(0, MAX_KEPT));
  }
}
