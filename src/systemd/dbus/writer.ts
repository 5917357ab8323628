import { maxMessageBytes } from "./limits.ts";

/** Grows a message's bytes, with padding as the reader wants it. Nothing is checked here. */
export class Writer {
  readonly littleEndian: boolean;
  #bytes = Buffer.alloc(256);
  #length = 0;

  constructor(littleEndian: boolean) {
    this.littleEndian = littleEndian;
  }

  get length(): number {
    return this.#length;
  }

  /** What was written: a view, good until the next write. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  align(alignment: number): void {
    this.#reserve(-this.#length & (alignment - 1));
  }

  byte(value: number): void {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
  }

  uint16(value: number): void {
    this.align(2);
    const at = this.#reserve(2);
    if (this.littleEndian) this.#bytes.writeUInt16LE(value, at);
    else this.#bytes.writeUInt16BE(value, at);
  }

  uint32(value: number): void {
    this.align(4);
    this.setUint32(this.#reserve(4), value);
  }

  /** Overwrites 4 bytes that were written, such as a length not known before. */
  setUint32(at: number, value: number): void {
    if (this.littleEndian) this.#bytes.writeUInt32LE(value, at);
    else this.#bytes.writeUInt32BE(value, at);
  }

  uint64(value: bigint): void {
    this.align(8);
    const at = this.#reserve(8);
    if (this.littleEndian) this.#bytes.writeBigUInt64LE(value, at);
    else this.#bytes.writeBigUInt64BE(value, at);
  }

  double(value: number): void {
    this.align(8);
    const at = this.#reserve(8);
    if (this.littleEndian) this.#bytes.writeDoubleLE(value, at);
    else this.#bytes.writeDoubleBE(value, at);
  }

  /** `s` and `o`: length, UTF-8, NUL. */
  string(text: string): void {
    this.uint32(Buffer.byteLength(text));
    this.raw(Buffer.from(text));
    this.byte(0);
  }

  /** `g`: the same with one byte of length. */
  signature(text: string): void {
    this.byte(text.length);
    this.raw(Buffer.from(text));
    this.byte(0);
  }

  raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** Makes room for zeroed bytes at the end, and gives where they start. */
  #reserve(size: number): number {
    const at = this.#length;
    const length = at + size;
    if (length > maxMessageBytes) {
      throw new RangeError(`a message of more than ${maxMessageBytes} bytes`);
    }
    if (length > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(length, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    this.#length = length;
    return at;
  }
}
