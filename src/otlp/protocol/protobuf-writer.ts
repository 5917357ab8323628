import { ByteBuffer } from "../../platform/data/byte-buffer.ts";

/** Wire types. https://protobuf.dev/programming-guides/encoding/ */
export const VARINT = 0;
export const FIXED64 = 1;
export const LENGTH_DELIMITED = 2;

/** Returns the byte before a value: field number, up to 15, and wire type. */
export function fieldKey(number: number, wireType: number): number {
  return (number << 3) | wireType;
}

/** Returns the size of a whole number from 0 to 2^53-1. */
export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length += 1;
  return length;
}

/** Returns the size of a field, with its key and length, whose value has so many bytes. */
export function delimitedLength(length: number): number {
  return 1 + varintLength(length) + length;
}

const FIRST_BYTES = 4_096;

/** Writes fields one after the other, into a buffer that is reused. */
export class ProtobufWriter {
  readonly #out: ByteBuffer;

  constructor(expectedBytes = FIRST_BYTES) {
    this.#out = new ByteBuffer({ minBytes: expectedBytes });
  }

  get length(): number {
    return this.#out.end;
  }

  /** Begins again at `at`, which leaves room before the fields. */
  reset(at = 0): void {
    this.#out.seek(at);
  }

  /** Returns the bytes written, valid up to the next reset. */
  written(from = 0): Uint8Array {
    return this.#out.written.subarray(from);
  }

  byte(value: number): void {
    this.#out.byte(value);
  }

  /** @param value whole, from 0 to 2^53-1 */
  varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#out.byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#out.byte(rest);
  }

  /** Writes a 64-bit integer: negative ones take ten bytes. */
  varint64(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    for (; rest >= 0x80n; rest >>= 7n) this.#out.byte(Number(rest & 0x7fn) | 0x80);
    this.#out.byte(Number(rest));
  }

  fixed64(value: bigint): void {
    const at = this.#out.reserve(8);
    this.#out.memory.writeBigUInt64LE(value, at);
  }

  double(value: number): void {
    const at = this.#out.reserve(8);
    this.#out.memory.writeDoubleLE(value, at);
  }

  bytes(value: Uint8Array): void {
    this.#out.append(value);
  }

  /** @param length of the text in UTF-8 */
  text(value: string, length: number): void {
    this.#out.writeSized(value, length);
  }

  textField(key: number, value: string): void {
    const length = Buffer.byteLength(value);
    this.byte(key);
    this.varint(length);
    this.text(value, length);
  }

  /** Writes a field of bytes or a message. */
  field(key: number, value: Uint8Array): void {
    this.byte(key);
    this.varint(value.length);
    this.bytes(value);
  }
}
