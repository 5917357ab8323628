import { maxMessageBytes } from "./limits.ts";
import { ByteBuffer } from "../../platform/data/byte-buffer.ts";

const FIRST_BYTES = 256;

/** Grows a message's bytes, with padding as the reader wants it. Nothing is checked here. */
export class Writer {
  readonly littleEndian: boolean;
  readonly #out = new ByteBuffer({ minBytes: FIRST_BYTES });

  constructor(littleEndian: boolean) {
    this.littleEndian = littleEndian;
  }

  get length(): number {
    return this.#out.end;
  }

  /** What was written: a view, good until the next write. */
  get bytes(): Buffer {
    return this.#out.written;
  }

  align(alignment: number): void {
    const padding = -this.#out.end & (alignment - 1);
    const at = this.#reserve(padding);
    this.#out.memory.fill(0, at, at + padding);
  }

  byte(value: number): void {
    const at = this.#reserve(1);
    this.#out.memory[at] = value;
  }

  uint16(value: number): void {
    this.align(2);
    const at = this.#reserve(2);
    if (this.littleEndian) this.#out.memory.writeUInt16LE(value, at);
    else this.#out.memory.writeUInt16BE(value, at);
  }

  uint32(value: number): void {
    this.align(4);
    this.setUint32(this.#reserve(4), value);
  }

  /** Overwrites 4 bytes that were written, such as a length not known before. */
  setUint32(at: number, value: number): void {
    if (this.littleEndian) this.#out.memory.writeUInt32LE(value, at);
    else this.#out.memory.writeUInt32BE(value, at);
  }

  uint64(value: bigint): void {
    this.align(8);
    const at = this.#reserve(8);
    if (this.littleEndian) this.#out.memory.writeBigUInt64LE(value, at);
    else this.#out.memory.writeBigUInt64BE(value, at);
  }

  double(value: number): void {
    this.align(8);
    const at = this.#reserve(8);
    if (this.littleEndian) this.#out.memory.writeDoubleLE(value, at);
    else this.#out.memory.writeDoubleBE(value, at);
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
    this.#out.memory.set(bytes, at);
  }

  /** Adds bytes at the end, and returns where they start. */
  #reserve(size: number): number {
    if (this.#out.end + size > maxMessageBytes) {
      throw new RangeError(`a message of more than ${maxMessageBytes} bytes`);
    }
    return this.#out.reserve(size);
  }
}
