/** Shorter text is written character by character: a call out of JavaScript costs more. */
const SHORT_CHARS = 48;
/** A character outside of the basic plane counts as two, and takes four. */
const MAX_BYTES_A_CHAR = 3;
const MIN_BYTES = 64 * 1024;
const NO_BYTES = Buffer.alloc(0);

/**
 * Text as UTF-8 in memory that grows with it. Writing leaves next to nothing for the garbage
 * collector: what is made while that marks is kept until it is through, and there are megabytes.
 */
export class ByteBuffer {
  #bytes: Buffer;
  #end = 0;

  /** @param bytes what to write into, as far as it reaches; the room's from now on */
  constructor(bytes: Buffer = NO_BYTES) {
    this.#bytes = bytes;
  }

  /** Bytes written so far. */
  get end(): number {
    return this.#end;
  }

  /** All that was written, at the beginning of its ArrayBuffer. */
  get written(): Buffer {
    return this.#bytes.subarray(0, this.#end);
  }

  write(text: string): void {
    const { length } = text;
    this.#reserve(length * MAX_BYTES_A_CHAR);
    const bytes = this.#bytes;
    let end = this.#end;
    for (let at = 0; at < length; at += 1) {
      const code = text.charCodeAt(at);
      if (code > 0x7f || length > SHORT_CHARS) {
        this.#end += bytes.write(text, this.#end, "utf8");
        return;
      }
      bytes[end] = code;
      end += 1;
    }
    this.#end = end;
  }

  /** A digit, 0 to 9. */
  writeDigit(digit: number): void {
    this.#reserve(1);
    this.#bytes[this.#end] = 0x30 + digit;
    this.#end += 1;
  }

  /** What was written from one place to another, once more. */
  repeat(from: number, to: number): void {
    this.#reserve(to - from);
    this.#bytes.copyWithin(this.#end, from, to);
    this.#end += to - from;
  }

  #reserve(bytes: number): void {
    const needed = this.#end + bytes;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length, MIN_BYTES));
    this.#bytes.copy(grown, 0, 0, this.#end);
    this.#bytes = grown;
  }
}
