import { DBusProtocolError } from "./errors.ts";
import type { Source } from "./text.ts";

/** Marshalled values: `bytes[start, end)`, where `start` is a multiple of 8 in its message. */
export interface Span extends Source {
  readonly start: number;
  readonly end: number;
  readonly littleEndian: boolean;
}

/** The part of a Reader that moves over bytes: padding, bounds, and values of fixed size. */
export class Cursor {
  protected readonly source: Source;
  protected readonly bytes: Buffer;
  protected readonly view: DataView;
  protected at: number;
  /** Where what may be read ends: the innermost array, or all. */
  protected end: number;
  readonly #base: number;
  readonly #littleEndian: boolean;

  constructor(span: Span) {
    this.source = span;
    this.bytes = span.bytes;
    this.view = span.view;
    this.at = span.start;
    this.end = span.end;
    this.#base = span.start;
    this.#littleEndian = span.littleEndian;
  }

  /** Whether there is more to read: in the innermost array, or outside of one in all. */
  get more(): boolean {
    return this.at < this.end;
  }

  byte(): number {
    return this.bytes[this.take(1, 1)]!;
  }

  boolean(): boolean {
    const value = this.uint32();
    if (value > 1) throw this.fail(`a boolean of ${value}`);
    return value === 1;
  }

  int16(): number {
    return this.view.getInt16(this.take(2, 2), this.#littleEndian);
  }

  uint16(): number {
    return this.view.getUint16(this.take(2, 2), this.#littleEndian);
  }

  int32(): number {
    return this.view.getInt32(this.take(4, 4), this.#littleEndian);
  }

  uint32(): number {
    return this.view.getUint32(this.take(4, 4), this.#littleEndian);
  }

  int64(): bigint {
    return this.view.getBigInt64(this.take(8, 8), this.#littleEndian);
  }

  uint64(): bigint {
    return this.view.getBigUint64(this.take(8, 8), this.#littleEndian);
  }

  double(): number {
    return this.view.getFloat64(this.take(8, 8), this.#littleEndian);
  }

  /** The error for something wrong where the reader stands. */
  fail(what: string): DBusProtocolError {
    return new DBusProtocolError("malformed", `${what}, at byte ${this.at - this.#base}`);
  }

  /** Passes over so many bytes after the padding, and gives where they start. */
  protected take(size: number, alignment: number): number {
    this.align(alignment);
    const at = this.at;
    if (size > this.end - at) {
      throw this.fail(`${size} bytes are due where ${this.end - at} are left`);
    }
    this.at = at + size;
    return at;
  }

  protected align(alignment: number): void {
    const to = this.at + (-(this.at - this.#base) & (alignment - 1));
    if (to > this.end) throw this.fail("the values end in padding");
    while (this.at < to) {
      if (this.bytes[this.at] !== 0) throw this.fail("padding that is not zero");
      this.at += 1;
    }
  }
}
