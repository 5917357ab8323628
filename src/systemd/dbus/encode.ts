import { ByteBuffer } from "../../platform/data/byte-buffer.ts";
import { maxMessageBytes, maxValueDepth } from "./limits.ts";
import type { MessageType } from "./message.ts";
import { isBusName, isInterfaceName, isMemberName, isObjectPath } from "./names.ts";
import { isSignature, parseSignature, parseSingleType, type Type } from "./signature.ts";
import { type BasicValue, type Value, Variant } from "./value.ts";

const typeCodes: Readonly<Record<MessageType, number>> = {
  method_call: 1,
  method_return: 2,
  error: 3,
  signal: 4,
};

/** Message to send, with the fields of `MessageHeader`. */
export interface OutgoingMessage {
  readonly type: MessageType;
  readonly flags?: number;
  readonly serial: number;
  readonly replySerial?: number;
  readonly path?: string;
  readonly interface?: string;
  readonly member?: string;
  readonly errorName?: string;
  readonly destination?: string;
  readonly sender?: string;
  /** Types of `body`; `""` by default. */
  readonly signature?: string;
  readonly body?: readonly Value[];
}

/**
 * Encodes a message, little-endian by default.
 *
 * Source: D-Bus specification, "Message Format".
 *
 * @throws TypeError for an invalid name or value, RangeError for more than 16 MiB
 */
export function encodeMessage(message: OutgoingMessage, littleEndian = true): Buffer {
  const body = new Writer(littleEndian);
  encodeValues(body, message.signature ?? "", message.body ?? []);
  const writer = new Writer(littleEndian);
  writer.byte(littleEndian ? 0x6c : 0x42);
  writer.byte(typeCodes[message.type]);
  writer.byte(message.flags ?? 0);
  writer.byte(1);
  writer.uint32(body.length);
  writer.uint32(message.serial);
  encodeValues(writer, "a(yv)", [headerFields(message)]);
  writer.align(8);
  writer.raw(body.bytes);
  return writer.bytes;
}

function headerFields(message: OutgoingMessage): Value[] {
  const fields: Value[] = [];
  const add = (code: number, signature: string, value: string | number | undefined) => {
    if (value !== undefined) fields.push([code, new Variant(signature, value)]);
  };
  add(1, "o", message.path);
  add(2, "s", named(message.interface, isInterfaceName, "an interface name"));
  add(3, "s", named(message.member, isMemberName, "a member name"));
  add(4, "s", named(message.errorName, isInterfaceName, "an error name"));
  add(5, "u", message.replySerial);
  add(6, "s", named(message.destination, isBusName, "a bus name"));
  add(7, "s", named(message.sender, isBusName, "a bus name"));
  add(8, "g", message.signature === "" ? undefined : message.signature);
  return fields;
}

function named(
  name: string | undefined,
  isValid: (name: string) => boolean,
  what: string,
): string | undefined {
  if (name === undefined || isValid(name)) return name;
  throw new TypeError(`${JSON.stringify(name.slice(0, 80))} is not ${what}`);
}

const integers: Readonly<Record<string, readonly [least: number, greatest: number]>> = {
  y: [0, 0xff],
  n: [-0x8000, 0x7fff],
  q: [0, 0xffff],
  i: [-0x80000000, 0x7fffffff],
  u: [0, 0xffffffff],
  h: [0, 0xffffffff],
};

/**
 * Appends values of the signature's types, in the form of {@link Value}.
 *
 * @throws TypeError for a value that its type can't hold
 * @throws DBusProtocolError for an invalid signature
 */
export function encodeValues(writer: Writer, signature: string, values: readonly Value[]): void {
  const types = parseSignature(signature);
  if (types.length !== values.length) {
    throw new TypeError(`${values.length} values for the signature "${signature}"`);
  }
  for (const [i, type] of types.entries()) encode(writer, type, values[i]!);
}

function encode(writer: Writer, type: Type, value: Value, depth = 0): void {
  if (depth > maxValueDepth) throw new TypeError(`containers more than ${maxValueDepth} deep`);
  switch (type.code) {
    case "y":
      writer.byte(integer(type, value));
      return;
    case "n":
    case "q":
      writer.uint16(integer(type, value) & 0xffff);
      return;
    case "i":
    case "u":
    case "h":
      writer.uint32(integer(type, value) >>> 0);
      return;
    case "b":
      if (typeof value !== "boolean") throw wrong(type, value);
      writer.uint32(value ? 1 : 0);
      return;
    case "x":
    case "t":
      writer.uint64(BigInt.asUintN(64, bigInteger(type, value)));
      return;
    case "d":
      if (typeof value !== "number") throw wrong(type, value);
      writer.double(value);
      return;
    case "s":
    case "o":
      writer.string(text(type, value));
      return;
    case "g":
      writer.signature(text(type, value));
      return;
    case "v":
      if (!(value instanceof Variant)) throw wrong(type, value);
      writer.signature(value.signature);
      encode(writer, parseSingleType(value.signature), value.value, depth + 1);
      return;
    case "(":
    case "{":
      if (!Array.isArray(value)) throw wrong(type, value);
      encodeFields(writer, type, value, depth + 1);
      return;
    case "a":
      encodeArray(writer, type, value, depth + 1);
      return;
    default:
      type.code satisfies never;
  }
}

function encodeFields(writer: Writer, type: Type, values: readonly Value[], depth: number): void {
  if (values.length !== type.fields.length) throw wrong(type, values);
  writer.align(8);
  for (const [i, field] of type.fields.entries()) encode(writer, field, values[i]!, depth);
}

function encodeArray(writer: Writer, type: Type, value: Value, depth: number): void {
  const element = type.fields[0]!;
  writer.uint32(0);
  const lengthAt = writer.length - 4;
  writer.align(element.alignment);
  const start = writer.length;
  if (element.code === "y" && ArrayBuffer.isView(value)) {
    writer.raw(value);
  } else if (element.code === "{" && isMap(value)) {
    for (const entry of value) encodeFields(writer, element, entry, depth + 1);
  } else if (Array.isArray(value)) {
    for (const item of value as readonly Value[]) encode(writer, element, item, depth);
  } else {
    throw wrong(type, value);
  }
  writer.setUint32(lengthAt, writer.length - start);
}

function isMap(value: Value): value is ReadonlyMap<BasicValue, Value> {
  return value instanceof Map;
}

function integer(type: Type, value: Value): number {
  const [least, greatest] = integers[type.code]!;
  const fits = typeof value === "number" && Number.isInteger(value);
  if (!fits || value < least || value > greatest) throw wrong(type, value);
  return value;
}

function bigInteger(type: Type, value: Value): bigint {
  if (typeof value !== "bigint") throw wrong(type, value);
  const wrapped = type.code === "x" ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value);
  if (wrapped !== value) throw wrong(type, value);
  return value;
}

function text(type: Type, value: Value): string {
  const isText = typeof value === "string" && !value.includes("\0") && value.isWellFormed();
  if (!isText) throw wrong(type, value);
  if (type.code === "o" && !isObjectPath(value)) throw wrong(type, value);
  if (type.code === "g" && !isSignature(value)) throw wrong(type, value);
  return value;
}

function wrong(type: Type, value: Value): TypeError {
  const shown = typeof value === "object" ? value.constructor.name : String(value).slice(0, 80);
  return new TypeError(`${typeof value} ${shown} is no value of the type ${type.signature}`);
}

const FIRST_BYTES = 256;

/** Appends marshalled values with their padding. It checks nothing. */
export class Writer {
  readonly littleEndian: boolean;
  readonly #out = new ByteBuffer({ minBytes: FIRST_BYTES });

  constructor(littleEndian: boolean) {
    this.littleEndian = littleEndian;
  }

  get length(): number {
    return this.#out.end;
  }

  /** View of the written bytes, valid until the next write. */
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

  /** Overwrites 4 written bytes, such as a length that was unknown before. */
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

  /** Appends `s` or `o`: length, UTF-8, NUL. */
  string(text: string): void {
    this.uint32(Buffer.byteLength(text));
    this.raw(Buffer.from(text));
    this.byte(0);
  }

  /** Appends `g`: one byte of length, ASCII, NUL. */
  signature(text: string): void {
    this.byte(text.length);
    this.raw(Buffer.from(text));
    this.byte(0);
  }

  raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#out.memory.set(bytes, at);
  }

  /** Adds bytes at the end and returns their position. */
  #reserve(size: number): number {
    if (this.#out.end + size > maxMessageBytes) {
      throw new RangeError(`a message of more than ${maxMessageBytes} bytes`);
    }
    return this.#out.reserve(size);
  }
}
