import { ByteBuffer } from "../../platform/data/byte-buffer.ts";

/** How the value of a field is written. https://protobuf.dev/programming-guides/encoding/ */
export const VARINT = 0;
export const FIXED64 = 1;
export const LENGTH_DELIMITED = 2;

/** The byte before a value: which field it is of, and how it is written. Fields up to 15. */
export function fieldKey(number: number, wireType: number): number {
  return (number << 3) | wireType;
}

/** Bytes of a whole number from 0 to 2^53-1. */
export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length += 1;
  return length;
}

/** Bytes of a field whose value has so many, its key and its length included. */
export function delimitedLength(length: number): number {
  return 1 + varintLength(length) + length;
}

const FIRST_BYTES = 4_096;

/** Writes fields one after the other, into a buffer of its own that is used again and again. */
export class ProtobufWriter {
  readonly #out: ByteBuffer;

  constructor(expectedBytes = FIRST_BYTES) {
    this.#out = new ByteBuffer({ minBytes: expectedBytes });
  }

  get length(): number {
    return this.#out.end;
  }

  /** Begins again at `at`, which leaves room before what is written. */
  reset(at = 0): void {
    this.#out.seek(at);
  }

  /** Returns what was written, valid up to the next reset. */
  written(from = 0): Uint8Array {
    return this.#out.written.subarray(from);
  }

  byte(value: number): void {
    this.#out.byte(value);
  }

  /** A whole number from 0 to 2^53-1. */
  varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#out.byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#out.byte(rest);
  }

  /** A whole number of 64 bits, as varints write negative ones. */
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

  /** A field that is a text. */
  textField(key: number, value: string): void {
    const length = Buffer.byteLength(value);
    this.byte(key);
    this.varint(length);
    this.text(value, length);
  }

  /** A field that is a message or bytes. */
  field(key: number, value: Uint8Array): void {
    this.byte(key);
    this.varint(value.length);
    this.bytes(value);
  }
}
