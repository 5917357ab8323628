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
  #buffer: Buffer;
  #at = 0;

  constructor(expectedBytes = FIRST_BYTES) {
    this.#buffer = Buffer.allocUnsafeSlow(expectedBytes);
  }

  get length(): number {
    return this.#at;
  }

  /** Begins anew; `at` leaves room before what is written. */
  reset(at = 0): void {
    this.#at = at;
  }

  /** What was written, up to the next reset. */
  written(from = 0): Uint8Array {
    return this.#buffer.subarray(from, this.#at);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#at] = value;
    this.#at += 1;
  }

  /** A whole number from 0 to 2^53-1. */
  varint(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#at] = (rest % 0x80) | 0x80;
      this.#at += 1;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#at] = rest;
    this.#at += 1;
  }

  /** A whole number of 64 bits, as varints write negative ones. */
  varint64(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    for (; rest >= 0x80n; rest >>= 7n) this.byte(Number(rest & 0x7fn) | 0x80);
    this.byte(Number(rest));
  }

  fixed64(value: bigint): void {
    this.#reserve(8);
    this.#buffer.writeBigUInt64LE(value, this.#at);
    this.#at += 8;
  }

  double(value: number): void {
    this.#reserve(8);
    this.#buffer.writeDoubleLE(value, this.#at);
    this.#at += 8;
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#at);
    this.#at += value.length;
  }

  /** @param length of the text in UTF-8 */
  text(value: string, length: number): void {
    this.#reserve(length);
    // A text of as many bytes as characters is ASCII, which is written faster.
    this.#buffer.write(value, this.#at, length === value.length ? "latin1" : "utf8");
    this.#at += length;
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

  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    larger.set(this.#buffer.subarray(0, this.#at));
    this.#buffer = larger;
  }
}
