import { isAscii, isUtf8 } from "node:buffer";

const slots = 1024;
/** Slots per hash. */
const ways = 4;
const wordsPerSlot = 24;
/** Longer strings are decoded each time. */
const maxKeptBytes = 4 * wordsPerSlot;

/** Bytes and a view of them. */
export interface Source {
  readonly bytes: Buffer;
  readonly view: DataView;
}

/** Returns a buffer that shares the chunk's bytes. */
export function bufferOf(chunk: Uint8Array | string): Buffer {
  if (typeof chunk === "string") return Buffer.from(chunk);
  if (Buffer.isBuffer(chunk)) return chunk;
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

/** Returns a view of a buffer's bytes. */
export function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/**
 * Decodes a D-Bus string; undefined if the bytes are not UTF-8 or have a NUL.
 *
 * Source: D-Bus specification, "String-like types".
 */
export function decodeText(bytes: Buffer, start: number, end: number): string | undefined {
  const span = bytes.subarray(start, end);
  if (span.includes(0)) return undefined;
  if (isAscii(span)) return span.toString("latin1");
  return isUtf8(span) ? span.toString("utf8") : undefined;
}

/**
 * Decodes strings and caches the short ones, since a bus repeats the same few. A cached string is
 * found by its bytes, four at a time: a tenth of the cost of decoding, without an allocation. It
 * holds 1,024 strings of at most 96 bytes; a new one evicts one of the four of its hash.
 */
export class TextTable {
  readonly #texts: string[] = Array.from({ length: slots }, () => "");
  /** Bytes of each slot's string; -1 for an empty slot. */
  readonly #lengths = new Int32Array(slots).fill(-1);
  readonly #words = new Int32Array(slots * wordsPerSlot);
  readonly #isValid: (text: string) => boolean;
  #next = 0;

  /** @param isValid further condition on a string; called once while the string is cached */
  constructor(isValid: (text: string) => boolean = () => true) {
    this.#isValid = isValid;
  }

  /** Returns the string of a span of bytes, or undefined if it is invalid. */
  get(source: Source, start: number, end: number): string | undefined {
    const length = end - start;
    if (length > maxKeptBytes) return this.#decode(source.bytes, start, end);
    const { view } = source;
    const wordsEnd = end - (length & 3);
    const tail = readTail(view, wordsEnd, end);
    let hash = Math.imul(length ^ tail, 0x9e3779b1);
    for (let at = start; at < wordsEnd; at += 4) {
      hash = Math.imul((hash ^ (hash >>> 15)) + view.getInt32(at, true), 0x85ebca6b);
    }
    const first = (hash ^ (hash >>> 13)) & (slots - ways);
    for (let slot = first; slot < first + ways; slot += 1) {
      if (this.#lengths[slot] !== length) continue;
      let word = slot * wordsPerSlot;
      let at = start;
      while (at < wordsEnd && view.getInt32(at, true) === this.#words[word]) {
        at += 4;
        word += 1;
      }
      if (at === wordsEnd && (at === end || this.#words[word] === tail)) return this.#texts[slot];
    }
    const text = this.#decode(source.bytes, start, end);
    if (text === undefined) return undefined;
    this.#next = (this.#next + 1) & (ways - 1);
    const slot = first + this.#next;
    let word = slot * wordsPerSlot;
    for (let at = start; at < wordsEnd; at += 4) this.#words[word++] = view.getInt32(at, true);
    if (wordsEnd < end) this.#words[word] = tail;
    this.#lengths[slot] = length;
    this.#texts[slot] = text;
    return text;
  }

  #decode(bytes: Buffer, start: number, end: number): string | undefined {
    const text = decodeText(bytes, start, end);
    return text !== undefined && this.#isValid(text) ? text : undefined;
  }
}

/** Returns the last 0 to 3 bytes as one number. */
function readTail(view: DataView, start: number, end: number): number {
  let tail = 0;
  for (let at = start; at < end; at += 1) tail = (tail << 8) | view.getUint8(at);
  return tail;
}
