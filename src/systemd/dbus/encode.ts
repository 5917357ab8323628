import { maxValueDepth } from "./limits.ts";
import { isObjectPath } from "./names.ts";
import { isSignature, parseSignature, parseSingleType, type Type } from "./signature.ts";
import { type BasicValue, type Value, Variant } from "./value.ts";
import type { Writer } from "./writer.ts";

const integers: Readonly<Record<string, readonly [least: number, greatest: number]>> = {
  y: [0, 0xff],
  n: [-0x8000, 0x7fff],
  q: [0, 0xffff],
  i: [-0x80000000, 0x7fffffff],
  u: [0, 0xffffffff],
  h: [0, 0xffffffff],
};

/**
 * Appends values of the signature's types, {@link Value} says what of.
 *
 * @throws TypeError for a value that its type can't hold
 * @throws DBusProtocolError for a signature that is none
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
