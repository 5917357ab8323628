import { setImmediate } from "node:timers/promises";
import { messageTypes } from "./otlp-messages.ts";
import type { FieldType, MessageName, MessageType, ScalarKind } from "./otlp-messages.ts";
import { ProtobufError, ProtobufReader, WireType } from "./protobuf-reader.ts";

/** Messages in messages; values can hold values, so that there has to be an end. */
const MAX_DEPTH = 64;
/** Text that is gathered before it is made into bytes. */
const PIECE_LENGTH = 64 * 1024;
/** How long the event loop is held at a time. */
const SLICE_MS = 5;

/** Those of which a request can have many or large ones: they are written piece by piece. */
const LARGE: ReadonlySet<MessageName> = new Set([
  "ExportLogsServiceRequest",
  "ResourceLogs",
  "ScopeLogs",
  "ExportMetricsServiceRequest",
  "ResourceMetrics",
  "ScopeMetrics",
  "Metric",
  "Gauge",
  "Sum",
  "Histogram",
  "ExponentialHistogram",
  "Summary",
]);

/**
 * OTLP/JSON for the protobuf bytes of a request: ids in hex, other bytes in base64, integers of 64
 * bits as strings, enumerations as numbers, NaN and the infinities as strings. Fields that the
 * schema here doesn't have are left out. Lets others run every few milliseconds.
 * https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 *
 * @returns undefined where it would be larger than `maxBytes`
 * @throws ProtobufError where the bytes are no such message
 */
export async function otlpJson(
  name: MessageName,
  request: Uint8Array,
  maxBytes: number,
): Promise<Buffer | undefined> {
  const done: Buffer[] = [];
  let bytes = 0;
  let text = "";
  let heldUntil = performance.now() + SLICE_MS;
  for (const piece of pieces(messageTypes[name], new ProtobufReader(request), 0)) {
    text += piece;
    if (text.length >= PIECE_LENGTH) {
      bytes += done[done.push(Buffer.from(text)) - 1]?.length ?? 0;
      text = "";
      if (bytes > maxBytes) return undefined;
    }
    if (performance.now() > heldUntil) {
      await setImmediate();
      heldUntil = performance.now() + SLICE_MS;
    }
  }
  done.push(Buffer.from(text));
  const whole = Buffer.concat(done);
  return whole.length > maxBytes ? undefined : whole;
}

/** The text of a large message, in pieces none of which is large. */
function* pieces(type: MessageType, reader: ProtobufReader, depth: number): Generator<string> {
  const values: (ProtobufReader | string)[][] = [];
  while (reader.next()) {
    const field = type.fields.get(reader.field);
    if (field === undefined) reader.skip();
    else
      add(
        values,
        field,
        typeof field.type === "string"
          ? scalars(reader, field.type, field.repeated)
          : child(reader),
      );
  }
  let separator = "{";
  for (const field of type.fields.values()) {
    const items = values[field.index];
    if (items === undefined) continue;
    yield `${separator}${field.key}${field.repeated ? "[" : ""}`;
    separator = ",";
    for (const [at, item] of items.entries()) {
      if (at > 0) yield ",";
      if (typeof item === "string") yield item;
      else if (typeof field.type === "string") continue;
      else if (LARGE.has(field.type.name)) yield* pieces(field.type, item, depth + 1);
      else yield textOf(field.type, item, depth + 1);
    }
    if (field.repeated) yield "]";
  }
  yield separator === "{" ? "{}" : "}";
}

function add<T>(values: T[][], field: FieldType, value: T): void {
  const items = values[field.index];
  if (items === undefined) values[field.index] = [value];
  else if (field.repeated) items.push(value);
  else items[0] = value;
}

/** The text of a message at once. */
function textOf(type: MessageType, reader: ProtobufReader, depth: number): string {
  if (depth > MAX_DEPTH) throw new ProtobufError("messages are nested too deep");
  const values: (string | undefined)[] = [];
  while (reader.next()) {
    const field = type.fields.get(reader.field);
    if (field === undefined) {
      reader.skip();
      continue;
    }
    const text =
      typeof field.type === "string"
        ? scalars(reader, field.type, field.repeated)
        : textOf(field.type, child(reader), depth + 1);
    const before = values[field.index];
    values[field.index] =
      !field.repeated || before === undefined || before === "" ? text : join(before, text);
  }
  let json = "";
  for (const field of type.fields.values()) {
    const value = values[field.index];
    if (value === undefined) continue;
    json += `${json === "" ? "{" : ","}${field.key}${field.repeated ? `[${value}]` : value}`;
  }
  return json === "" ? "{}" : `${json}}`;
}

function join(before: string, text: string): string {
  return text === "" ? before : `${before},${text}`;
}

function child(reader: ProtobufReader): ProtobufReader {
  if (reader.wireType !== WireType.Bytes) throw new ProtobufError("a message was expected");
  return reader.nested();
}

/** The text of one value; of a repeated field's packed ones, separated by commas. */
function scalars(reader: ProtobufReader, kind: ScalarKind, repeated: boolean): string {
  const expected = WIRE_TYPES[kind];
  if (reader.wireType === expected) return scalar(reader, kind);
  if (!repeated || reader.wireType !== WireType.Bytes) {
    throw new ProtobufError(`${kind} was expected`);
  }
  const packed = reader.nested();
  let text = "";
  while (!packed.atEnd) text += `${text === "" ? "" : ","}${scalar(packed, kind)}`;
  return text;
}

const WIRE_TYPES: Readonly<Record<ScalarKind, number>> = {
  string: WireType.Bytes,
  bytes: WireType.Bytes,
  id: WireType.Bytes,
  bool: WireType.Varint,
  enum: WireType.Varint,
  uint32: WireType.Varint,
  sint32: WireType.Varint,
  int64: WireType.Varint,
  uint64: WireType.Varint,
  fixed32: WireType.Fixed32,
  fixed64: WireType.Fixed64,
  sfixed64: WireType.Fixed64,
  double: WireType.Fixed64,
};

function scalar(reader: ProtobufReader, kind: ScalarKind): string {
  switch (kind) {
    case "string":
      return JSON.stringify(reader.text());
    case "bool":
      return reader.varint() === 0n ? "false" : "true";
    case "enum":
      return String(reader.uint32() | 0);
    case "uint32":
      return String(reader.uint32());
    case "sint32": {
      const zigzag = reader.uint32();
      return String((zigzag >>> 1) ^ -(zigzag & 1));
    }
    case "fixed32":
      return String(reader.fixed32());
    case "int64":
      return `"${BigInt.asIntN(64, reader.varint())}"`;
    case "uint64":
      return `"${reader.varint()}"`;
    case "fixed64":
      return `"${reader.fixed64()}"`;
    case "sfixed64":
      return `"${BigInt.asIntN(64, reader.fixed64())}"`;
    case "double": {
      const value = reader.double();
      return Number.isFinite(value) ? String(value) : `"${value}"`;
    }
    case "bytes":
      return `"${reader.bytes().toString("base64")}"`;
    case "id":
      return `"${reader.bytes().toString("hex")}"`;
    default:
      return kind satisfies never;
  }
}
