/** The bytes aren't a protobuf message, or not the expected one. */
export class ProtobufError extends Error {
  override readonly name = "ProtobufError";
}

/** The layout of a value. https://protobuf.dev/programming-guides/encoding/#structure */
export const WireType = { Varint: 0, Fixed64: 1, Bytes: 2, Fixed32: 5 } as const;

/**
 * Reads a protobuf message value by value, without its schema. Throws ProtobufError if a value is
 * malformed or reaches beyond the end.
 */
export class ProtobufReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;
  /** Field number of the next value. */
  field = 0;
  /** One of {@link WireType}. */
  wireType = 0;

  /** Reads the bytes `[start, end)` of `message`. */
  constructor(message: Uint8Array, start = 0, end = message.length) {
    this.#bytes = Buffer.isBuffer(message)
      ? message
      : Buffer.from(message.buffer, message.byteOffset, message.length);
    this.#at = start;
    this.#end = end;
  }

  get atEnd(): boolean {
    return this.#at === this.#end;
  }

  /** Moves to the next value, which the caller reads or skips before the next call; false at the end. */
  next(): boolean {
    if (this.atEnd) return false;
    const tag = this.#small();
    this.field = tag >>> 3;
    this.wireType = tag & 7;
    if (this.field === 0) throw new ProtobufError("field number 0 is invalid");
    return true;
  }

  /** Reads a varint as an unsigned 64-bit integer. */
  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new ProtobufError("a number of more than 64 bits");
  }

  /** Reads the lower 32 bits of a varint, unsigned: enough for uint32, enum and bool, and faster. */
  uint32(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte();
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new ProtobufError("a number of more than 64 bits");
  }

  fixed64(): bigint {
    return this.#bytes.readBigUInt64LE(this.#take(8));
  }

  double(): number {
    return this.#bytes.readDoubleLE(this.#take(8));
  }

  fixed32(): number {
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  /** Returns a view of the bytes of a string, a message or packed numbers. */
  bytes(): Buffer {
    const length = this.#small();
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** Returns a reader of the same bytes as {@link bytes} gives, which costs less. */
  nested(): ProtobufReader {
    if (this.wireType !== WireType.Bytes) throw new ProtobufError("a message was expected");
    const length = this.#small();
    const start = this.#take(length);
    return new ProtobufReader(this.#bytes, start, start + length);
  }

  /** Reads text; invalid UTF-8 becomes U+FFFD. */
  text(): string {
    const length = this.#small();
    const start = this.#take(length);
    return this.#bytes.toString("utf8", start, start + length);
  }

  skip(): void {
    switch (this.wireType) {
      case WireType.Varint:
        this.uint32();
        return;
      case WireType.Fixed64:
        this.#take(8);
        return;
      case WireType.Bytes:
        this.#take(this.#small());
        return;
      case WireType.Fixed32:
        this.#take(4);
        return;
      default:
        throw new ProtobufError(`wire type ${this.wireType} is invalid`);
    }
  }

  /** Reads a tag or a length: these have 32 bits. */
  #small(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (value > 0xffffffff) break;
        return value;
      }
    }
    throw new ProtobufError("a length of more than 32 bits");
  }

  #byte(): number {
    if (this.#at >= this.#end) throw new ProtobufError("the message is cut off");
    return this.#bytes[this.#at++] ?? 0;
  }

  /** Skips so many bytes, and returns where they start. */
  #take(length: number): number {
    const start = this.#at;
    if (length > this.#end - start) throw new ProtobufError("the message is cut off");
    this.#at = start + length;
    return start;
  }
}
