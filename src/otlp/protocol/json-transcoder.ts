/**
 * Transcodes requests, which the queue keeps as protobuf, to OTLP/JSON. The SDK's serializer takes
 * objects alone, and writes NaN and the infinities as null and 64-bit integers as inexact numbers.
 */
import { setImmediate } from "node:timers/promises";
import { OTLP_MESSAGES } from "./otlp-schema.ts";
import type { Field } from "./otlp-schema.ts";
import { ProtobufError, ProtobufReader, WireType } from "../../platform/data/protobuf-reader.ts";

type Json = Record<string, unknown>;
type Read = (reader: ProtobufReader) => unknown;
/** Wire type and reader of each scalar type. */
const SCALARS = new Map<string, readonly [wireType: number, Read]>([
  ["string", [WireType.Bytes, (reader) => reader.text()]],
  ["bytes", [WireType.Bytes, (reader) => reader.bytes().toString("base64")]],
  ["id", [WireType.Bytes, (reader) => reader.bytes().toString("hex")]],
  ["bool", [WireType.Varint, (reader) => reader.varint() !== 0n]],
  ["enum", [WireType.Varint, (reader) => reader.uint32() | 0]],
  ["uint32", [WireType.Varint, (reader) => reader.uint32()]],
  ["sint32", [WireType.Varint, (reader) => unzigzag(reader.uint32())]],
  ["int64", [WireType.Varint, (reader) => String(BigInt.asIntN(64, reader.varint()))]],
  ["uint64", [WireType.Varint, (reader) => String(reader.varint())]],
  ["fixed32", [WireType.Fixed32, (reader) => reader.fixed32()]],
  ["fixed64", [WireType.Fixed64, (reader) => String(reader.fixed64())]],
  ["sfixed64", [WireType.Fixed64, (reader) => String(BigInt.asIntN(64, reader.fixed64()))]],
  ["double", [WireType.Fixed64, (reader) => jsonNumber(reader.double())]],
]);
const unzigzag = (value: number): number => (value >>> 1) ^ -(value & 1);
const jsonNumber = (value: number): unknown => (Number.isFinite(value) ? value : String(value));

/** Requests have resources, these have scopes, and these have records or metrics: each is a piece. */
const PIECE_DEPTH = 3;
/** Values can contain values. */
const MAX_DEPTH = 64;
const SLICE_MS = 5;

/**
 * Transcodes a request, without the fields that the schema lacks, and lets others run every few
 * milliseconds. Undefined if it would be larger than `maxBytes`.
 *
 * @throws ProtobufError if the bytes are no such message
 */
export async function otlpJson(
  name: `Export${"Logs" | "Metrics"}ServiceRequest`,
  request: Uint8Array,
  maxBytes: number,
): Promise<Buffer | undefined> {
  let text = "";
  let heldUntil = performance.now() + SLICE_MS;
  for (const piece of pieces(name, new ProtobufReader(request))) {
    text += piece;
    if (text.length > maxBytes) return undefined;
    if (performance.now() < heldUntil) continue;
    await setImmediate();
    heldUntil = performance.now() + SLICE_MS;
  }
  const bytes = Buffer.from(text);
  return bytes.length > maxBytes ? undefined : bytes;
}

function* pieces(type: string, reader: ProtobufReader, depth = 0): Generator<string> {
  if (depth === PIECE_DEPTH) {
    yield JSON.stringify(objectOf(type, reader, depth));
    return;
  }
  const rest: Json = {};
  const items: ProtobufReader[] = [];
  let list: Field | undefined;
  for (const field of fieldsOf(type, reader)) {
    if (field.isRepeated) items.push(reader.nested());
    if (field.isRepeated) list = field;
    else rest[field.name] = valueOf(field, reader, depth);
  }
  const text = JSON.stringify(rest);
  yield text.slice(0, -1);
  if (list !== undefined) {
    yield `${text === "{}" ? "" : ","}"${list.name}":`;
    for (const [i, item] of items.entries()) {
      yield i === 0 ? "[" : ",";
      yield* pieces(list.type, item, depth + 1);
    }
    yield "]";
  }
  yield "}";
}

function objectOf(type: string, reader: ProtobufReader, depth: number): Json {
  if (depth > MAX_DEPTH) throw new ProtobufError("messages are nested too deep");
  const object: Json = {};
  for (const field of fieldsOf(type, reader)) {
    const [wireType = reader.wireType, read] = SCALARS.get(field.type) ?? [];
    if (!field.isRepeated) object[field.name] = valueOf(field, reader, depth);
    else {
      const list = (object[field.name] ??= []) as unknown[];
      if (wireType === reader.wireType) list.push(valueOf(field, reader, depth));
      else for (const packed = reader.nested(); !packed.atEnd;) list.push(read?.(packed));
    }
  }
  return object;
}

function valueOf({ type }: Field, reader: ProtobufReader, depth: number): unknown {
  const [wireType, read] = SCALARS.get(type) ?? [];
  if (read === undefined) return objectOf(type, reader.nested(), depth + 1);
  if (reader.wireType !== wireType) throw new ProtobufError(`${type} was expected`);
  return read(reader);
}

/** The caller reads each field before the next. */
function* fieldsOf(type: string, reader: ProtobufReader): Generator<Field> {
  while (reader.next()) {
    const field = OTLP_MESSAGES.get(type)?.get(reader.field);
    if (field === undefined) reader.skip();
    else yield field;
  }
}
