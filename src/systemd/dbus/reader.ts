import { DBusProtocolError } from "./errors.ts";
import type { Source } from "./text.ts";
import { maxArrayBytes, maxValueDepth } from "./limits.ts";
import { isObjectPath } from "./names.ts";
import { isSignature, leafType, parseSignature, parseSingleType, type Type } from "./signature.ts";
import { TextTable } from "./text.ts";

/** Marshalled values: `bytes[start, end)`; `start` is a multiple of 8 in its message. */
export interface Span extends Source {
  readonly start: number;
  readonly end: number;
  readonly littleEndian: boolean;
}

/** The base of Reader: position, padding, bounds, and values of fixed size. */
export class Cursor {
  protected readonly source: Source;
  protected readonly bytes: Buffer;
  protected readonly view: DataView;
  protected at: number;
  /** End of the innermost array, or of the span outside of arrays. */
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

  /** True if the innermost array, or the span outside of arrays, has more to read. */
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

  /** Returns the error for a fault at the reader's position. */
  fail(what: string): DBusProtocolError {
    return new DBusProtocolError("malformed", `${what}, at byte ${this.at - this.#base}`);
  }

  /** Skips the padding and `size` bytes, and returns the position of these bytes. */
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

const strings = new TextTable();
const paths = new TextTable(isObjectPath);
const signatures = new TextTable(isSignature);

/**
 * Reads marshalled values from the first to the last. Each method reads the type in its name with
 * the padding before it; the caller knows the signature. Skipped values are checked only as far as
 * needed to find their end.
 *
 * ```ts
 * // sa{sv}as, the body of PropertiesChanged
 * const changed = reader.string();
 * reader.array("{sv}", () => {
 *   if (reader.string() === "ActiveState") activeState = reader.enterVariant("s").string();
 *   else reader.skipVariant();
 * });
 * reader.skip("as");
 * ```
 *
 * Every method throws a DBusProtocolError (`malformed`, `limit`) if the bytes don't have its type. Source: D-Bus specification, "Marshaling (Wire Format)".
 */
export class Reader extends Cursor {
  #depth = 0;

  string(): string {
    return this.text(strings, "UTF-8 without NUL");
  }

  objectPath(): string {
    return this.text(paths, "an object path");
  }

  signature(): string {
    return this.#text(this.byte(), signatures, "a signature");
  }

  /** Reads a string that the table accepts; the error for another one names `what`. */
  text(table: TextTable, what: string): string {
    return this.#text(this.uint32(), table, what);
  }

  /** Reads an `ay` into a copy. */
  byteArray(): Uint8Array {
    const length = this.#arrayLength(1);
    const at = this.take(length, 1);
    if (length > 64) return new Uint8Array(this.bytes.subarray(at, at + length));
    const copy = new Uint8Array(length);
    for (let i = 0; i < length; i += 1) copy[i] = this.bytes[at + i]!;
    return copy;
  }

  /** Reads an `ay` of `count` bytes as lower-case hexadecimal; "" for any other length. */
  hexBytes(count: number): string {
    const length = this.#arrayLength(1);
    const at = this.take(length, 1);
    return length === count ? this.bytes.toString("hex", at, at + length) : "";
  }

  /** Length in bytes of the next string, which stays unread. */
  get nextLength(): number {
    const { at } = this;
    const length = this.uint32();
    this.at = at;
    return length;
  }

  /** Skips a string. */
  skipString(): this {
    this.#textEnd(this.uint32());
    return this;
  }

  /** Moves to the start of a struct or a dict entry. */
  struct(): this {
    this.align(8);
    return this;
  }

  /**
   * Reads an array: calls `each` at every element. `each` reads or skips one whole element; structs
   * and dict entries are entered already.
   *
   * @param element type of an element, such as `s` or `{sv}`
   */
  array(element: string, each: (reader: this) => void): void {
    const entered = element.startsWith("{") || element.startsWith("(");
    const outer = this.enterArray(entered ? 8 : parseSingleType(element).alignment);
    while (this.more) {
      if (entered) this.align(8);
      const before = this.at;
      each(this);
      if (this.at === before) throw new TypeError(`an element of a${element} was not read`);
    }
    this.leave(outer);
  }

  /**
   * Enters an array, for callers that loop while there is {@link more}.
   *
   * @param alignment alignment of the element's type
   * @returns the token for {@link leave}
   */
  enterArray(alignment: number): number {
    const length = this.#arrayLength(alignment);
    const outer = this.end;
    this.descend();
    this.end = this.at + length;
    return outer;
  }

  leave(outer: number): void {
    this.end = outer;
    this.ascend();
  }

  /** Reads a variant's signature; a value of the returned type is next. */
  variantType(): Type {
    const { at, bytes } = this;
    // Most have one byte and need no string.
    if (at + 3 <= this.end && bytes[at] === 1 && bytes[at + 2] === 0) {
      const leaf = leafType(bytes[at + 1]!);
      if (leaf !== undefined) {
        this.at = at + 3;
        return leaf;
      }
    }
    return parseSingleType(this.signature());
  }

  /** Enters a variant of the required type; the value is next. */
  enterVariant(type: string): this {
    const start = this.at;
    const length = type.length;
    let same = start + length + 2 <= this.end && this.bytes[start] === length;
    for (let i = 0; same && i < length; i += 1) {
      same = this.bytes[start + 1 + i] === type.charCodeAt(i);
    }
    if (!same || this.bytes[start + 1 + length] !== 0) {
      throw this.fail(`a variant of ${type} is due, but it is one of "${this.signature()}"`);
    }
    this.at = start + length + 2;
    return this;
  }

  skipVariant(): void {
    this.descend();
    this.skipType(this.variantType());
    this.ascend();
  }

  /** Skips values of a signature's types. The content of arrays is not checked. */
  skip(signature: string): void {
    for (const type of parseSignature(signature)) this.skipType(type);
  }

  /** Skips a value. */
  skipType(type: Type): void {
    const { code } = type;
    if (type.size > 0) this.take(type.size, type.alignment);
    else if (code === "v") this.skipVariant();
    else if (code === "a") this.take(this.#arrayLength(type.fields[0]!.alignment), 1);
    else if (code === "g") this.#textEnd(this.byte());
    else if (code === "s" || code === "o") this.#textEnd(this.uint32());
    else this.#skipFields(type.fields);
  }

  #skipFields(fields: readonly Type[]): void {
    this.struct().descend();
    for (const field of fields) this.skipType(field);
    this.ascend();
  }

  /** Counts an entered container; too deep a nesting is an error. */
  descend(): void {
    this.#depth += 1;
    if (this.#depth > maxValueDepth) {
      throw this.fail(`containers more than ${maxValueDepth} deep`);
    }
  }

  ascend(): void {
    this.#depth -= 1;
  }

  #text(length: number, table: TextTable, what: string): string {
    const start = this.at;
    const end = this.#textEnd(length);
    const text = table.get(this.source, start, end);
    if (text === undefined) throw this.fail(`a string that is not ${what}`);
    return text;
  }

  /** Skips a string of `length` bytes and its NUL, and returns the position of the NUL. */
  #textEnd(length: number): number {
    const end = this.take(length + 1, 1) + length;
    if (this.bytes[end] !== 0) throw this.fail("a string without its NUL");
    return end;
  }

  /** Reads an array's length and the padding before its first element. */
  #arrayLength(alignment: number): number {
    const length = this.uint32();
    if (length > maxArrayBytes) throw this.fail(`an array of ${length} bytes`);
    this.align(alignment);
    if (length > this.end - this.at) {
      throw this.fail(`an array of ${length} bytes where ${this.end - this.at} are left`);
    }
    return length;
  }
}
