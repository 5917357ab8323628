/** Shorter text is written character by character: a call out of JavaScript costs more. */
const SHORT_CHARS = 20;
/** A character outside of the basic plane counts as two, and takes four. */
const MAX_BYTES_A_CHAR = 3;
/** Greatest number that {@link ByteBuffer.decimal} writes: more digits than 32 bits have cost more than a conversion to text. */
export const MAX_DECIMAL = 0x7f_ff_ff_ff;
const DEFAULT_MIN_BYTES = 64 * 1024;
const NO_BYTES = Buffer.alloc(0);

export interface ByteBufferOptions {
  /** Memory to begin with. It belongs to the buffer from now on. Default: none. */
  readonly memory?: Buffer | undefined;
  /** Least memory that is allocated. Default 64 KiB. */
  readonly minBytes?: number;
  /** Memory grows to its twofold, but no further than this while that suffices. Default: no limit. */
  readonly maxBytes?: number;
}

/**
 * Bytes in memory that grows with them. Writing leaves next to nothing to the garbage collector,
 * which keeps what is allocated while it marks until it has finished: that would be megabytes.
 */
export class ByteBuffer {
  readonly #minBytes: number;
  readonly #maxBytes: number;
  #memory: Buffer;
  #end = 0;

  constructor(options: ByteBufferOptions = {}) {
    this.#memory = options.memory ?? NO_BYTES;
    this.#minBytes = options.minBytes ?? DEFAULT_MIN_BYTES;
    this.#maxBytes = options.maxBytes ?? Infinity;
  }

  /** Bytes written so far. */
  get end(): number {
    return this.#end;
  }

  /** Returns a view of all that was written; valid until the next write. */
  get written(): Buffer {
    return this.#memory.subarray(0, this.#end);
  }

  /** Returns the memory behind the buffer, to fill what `reserve` added. */
  get memory(): Buffer {
    return this.#memory;
  }

  /** Makes sure that the memory has room for `bytes` bytes in all. */
  allocate(bytes: number): void {
    if (bytes > this.#memory.length) this.#grow(bytes);
  }

  /** Adds `size` bytes of any content; returns where they start. */
  reserve(size: number): number {
    const start = this.#end;
    const end = start + size;
    this.allocate(end);
    this.#end = end;
    return start;
  }

  byte(value: number): void {
    const at = this.reserve(1);
    this.#memory[at] = value;
  }

  /** Appends a whole number from 0 to {@link MAX_DECIMAL} in decimal digits. */
  decimal(value: number): void {
    let digits = 1;
    for (let bound = 10; bound <= value; bound *= 10) digits += 1;
    const begin = this.reserve(digits);
    const memory = this.#memory;
    let rest = value | 0;
    for (let at = begin + digits - 1; at >= begin; at -= 1) {
      const tenth = (rest / 10) | 0;
      memory[at] = 0x30 + rest - 10 * tenth;
      rest = tenth;
    }
  }

  append(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length);
    this.#memory.set(bytes, at);
  }

  /** Appends the bytes `[from, to)`. */
  appendPart(bytes: Buffer, from: number, to: number): void {
    const at = this.reserve(to - from);
    bytes.copy(this.#memory, at, from, to);
  }

  /** Appends text as UTF-8. */
  write(text: string): void {
    const { length } = text;
    this.allocate(this.#end + length * MAX_BYTES_A_CHAR);
    const memory = this.#memory;
    let end = this.#end;
    for (let at = 0; at < length; at += 1) {
      const code = text.charCodeAt(at);
      if (code > 0x7f || length > SHORT_CHARS) {
        this.#end += memory.write(text, this.#end, "utf8");
        return;
      }
      memory[end] = code;
      end += 1;
    }
    this.#end = end;
  }

  /** Appends text whose length in UTF-8 is known. */
  writeSized(text: string, bytes: number): void {
    const at = this.reserve(bytes);
    // A text of as many bytes as characters is ASCII, which is written faster.
    this.#memory.write(text, at, bytes === text.length ? "latin1" : "utf8");
  }

  /** Appends the bytes `[from, to)` of the buffer itself. */
  repeat(from: number, to: number): void {
    const at = this.reserve(to - from);
    this.#memory.copyWithin(at, from, to);
  }

  /** Continues at `end`, before or after the bytes written so far. */
  seek(end: number): void {
    this.#end = end;
  }

  /** Drops all bytes, and frees memory of more than `keptBytes`. */
  clear(keptBytes = Infinity): void {
    this.#end = 0;
    if (this.#memory.length > keptBytes) this.#memory = NO_BYTES;
  }

  /** Hands over what was written, together with its memory; the buffer is empty then. */
  take(): Buffer {
    const taken = this.written;
    this.#memory = NO_BYTES;
    this.#end = 0;
    return taken;
  }

  #grow(needed: number): void {
    const doubled = Math.max(2 * this.#memory.length, this.#minBytes);
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(doubled, this.#maxBytes)));
    this.#memory.copy(grown, 0, 0, this.#end);
    this.#memory = grown;
  }
}
