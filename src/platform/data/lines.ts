import { isUtf8 } from "node:buffer";
import { ByteBuffer } from "./byte-buffer.ts";

/** Why a line is dropped: longer than the limit, or not UTF-8. */
export type BadLine = "oversize" | "utf8";

export interface LineSplitterOptions {
  /** Longest line that is accepted, in bytes without its newline. Default 1 MiB. */
  readonly maxLineBytes?: number;
  /** Called with each line, without its newline; never with an empty one. */
  readonly onLine: (line: string) => void;
  /** Called once for each line that is dropped. */
  readonly onBadLine: (reason: BadLine) => void;
}

const DEFAULT_MAX_LINE_BYTES = 1024 * 1024;
/** Larger memory is freed after its line: one long line must not cost its size for ever. */
const KEPT_STORE_BYTES = 64 * 1024;
const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Cuts bytes into lines, as they come. Holds at most the one line that isn't complete yet, up to the
 * limit: drops a longer one as it comes, up to its newline. Copies every byte a bounded number of
 * times, however small the chunks are.
 *
 * A line ends at `\n`, or `\r\n`. Empty lines are dropped.
 */
export class LineSplitter {
  readonly #options: LineSplitterOptions;
  readonly #maxLineBytes: number;
  /** Start of a line whose end hasn't come yet. */
  readonly #store: ByteBuffer;
  /** Within a line that is too long. */
  #skipping = false;
  /** First half of a character that was cut between two strings. */
  #highSurrogate = "";

  constructor(options: LineSplitterOptions) {
    this.#options = options;
    this.#maxLineBytes = options.maxLineBytes ?? DEFAULT_MAX_LINE_BYTES;
    this.#store = new ByteBuffer({ minBytes: 0, maxBytes: this.#maxLineBytes });
  }

  /** Takes the next bytes or text, and emits the lines that are complete by now. */
  push(chunk: Uint8Array | string): void {
    const bytes = typeof chunk === "string" ? this.#encode(chunk) : viewOf(chunk);
    let start = 0;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, start)) {
      this.#complete(bytes, start, at);
      start = at + 1;
    }
    if (start < bytes.length) this.#keep(bytes, start, bytes.length);
  }

  /** Ends the stream: emits the rest as the last line. */
  end(): void {
    const half = Buffer.from(this.#highSurrogate);
    this.#highSurrogate = "";
    this.#complete(half, 0, half.length);
  }

  #complete(bytes: Buffer, start: number, end: number): void {
    if (this.#store.end === 0 && !this.#skipping && end - start <= this.#maxLineBytes) {
      this.#emit(bytes, start, end);
      return;
    }
    this.#keep(bytes, start, end);
    const line = this.#store.written;
    this.#store.clear(KEPT_STORE_BYTES);
    this.#skipping = false;
    this.#emit(line, 0, line.length);
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    if (this.#skipping) return;
    if (this.#store.end + end - start > this.#maxLineBytes) {
      this.#skipping = true;
      this.#store.clear(0);
      this.#options.onBadLine("oversize");
      return;
    }
    this.#store.appendPart(bytes, start, end);
  }

  #emit(bytes: Buffer, start: number, lineEnd: number): void {
    const end = lineEnd > start && bytes[lineEnd - 1] === CARRIAGE_RETURN ? lineEnd - 1 : lineEnd;
    if (end === start) return;
    const line = bytes.toString("utf8", start, end);
    // Only a line that decodes with replacement characters needs the check.
    if (line.includes("\uFFFD") && !isUtf8(bytes.subarray(start, end))) {
      this.#options.onBadLine("utf8");
    } else {
      this.#options.onLine(line);
    }
  }

  #encode(text: string): Buffer {
    const whole = this.#highSurrogate + text;
    const last = whole.charCodeAt(whole.length - 1);
    const isCut = last >= 0xd800 && last <= 0xdbff;
    this.#highSurrogate = isCut ? whole.slice(-1) : "";
    return Buffer.from(isCut ? whole.slice(0, -1) : whole);
  }
}

function viewOf(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  if (!ArrayBuffer.isView(bytes))
    throw new TypeError(`a chunk is ${typeof bytes}, no bytes or text`);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
