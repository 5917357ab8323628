import type { AnyValue, HrTime } from "@opentelemetry/api";
import type { ReadableLogRecord } from "@opentelemetry/sdk-logs";
import {
  delimitedLength,
  fieldKey,
  FIXED64,
  LENGTH_DELIMITED,
  ProtobufWriter,
  VARINT,
  varintLength,
} from "./protocol/protobuf-writer.ts";
import { BoundedMap } from "../platform/data/bounded-map.ts";

/**
 * Fields of the messages LogRecord, KeyValue and AnyValue, and where ScopeLogs has its records.
 * https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/logs/v1/logs.proto
 */
const TIME = fieldKey(1, FIXED64);
const SEVERITY_NUMBER = fieldKey(2, VARINT);
const SEVERITY_TEXT = fieldKey(3, LENGTH_DELIMITED);
const BODY = fieldKey(5, LENGTH_DELIMITED);
const ATTRIBUTE = fieldKey(6, LENGTH_DELIMITED);
const OBSERVED_TIME = fieldKey(11, FIXED64);
const EVENT_NAME = fieldKey(12, LENGTH_DELIMITED);
const KEY = fieldKey(1, LENGTH_DELIMITED);
const VALUE = fieldKey(2, LENGTH_DELIMITED);
const STRING = fieldKey(1, LENGTH_DELIMITED);
const BOOL = fieldKey(2, VARINT);
const INT = fieldKey(3, VARINT);
const DOUBLE = fieldKey(4, FIXED64);
export const LOG_RECORD = fieldKey(2, LENGTH_DELIMITED);

/** Room for the key and length before a record. */
const HEAD_BYTES = 6;
/** Cached attribute names: there are few, always the same. */
const MAX_NAMES = 256;

/** The parts of a record that are encoded. */
export type EncodedParts = Pick<ReadableLogRecord, "hrTime" | "hrTimeObserved" | "attributes"> & {
  readonly [Part in "severityNumber" | "severityText" | "body" | "eventName"]?:
    | ReadableLogRecord[Part]
    | undefined;
};

/**
 * Encodes log records as protobuf. The SDK's serializer takes five times as long, and writes wrong
 * times for those that 64 bits can't hold; this encoder takes flat scalars alone as attributes.
 */
export class LogEncoder {
  readonly #writer = new ProtobufWriter();
  readonly #names = new BoundedMap<string, Uint8Array>(MAX_NAMES);

  /**
   * Encodes one record with its key and length, as a request contains it. The bytes are valid up to
   * the next call.
   */
  encode(record: EncodedParts): Uint8Array {
    const writer = this.#writer;
    writer.reset(HEAD_BYTES);
    const { severityNumber, severityText, body, attributes, eventName } = record;
    writer.byte(TIME);
    writer.fixed64(unixNs(record.hrTime));
    const severity: number = severityNumber ?? 0;
    if (severity > 0) {
      writer.byte(SEVERITY_NUMBER);
      writer.varint(severity);
    }
    if (severityText !== undefined && severityText !== "") {
      writer.textField(SEVERITY_TEXT, severityText);
    }
    if (body !== undefined) this.#anyValue(BODY, body);
    for (const name in attributes) this.#attribute(name, attributes[name]);
    writer.byte(OBSERVED_TIME);
    writer.fixed64(unixNs(record.hrTimeObserved));
    if (eventName !== undefined && eventName !== "") writer.textField(EVENT_NAME, eventName);
    return this.#headed();
  }

  #headed(): Uint8Array {
    const end = this.#writer.length;
    const length = end - HEAD_BYTES;
    const start = HEAD_BYTES - 1 - varintLength(length);
    this.#writer.reset(start);
    this.#writer.byte(LOG_RECORD);
    this.#writer.varint(length);
    this.#writer.reset(end);
    return this.#writer.written(start);
  }

  #attribute(name: string, value: AnyValue): void {
    const key = this.#names.get(name) ?? this.#encodeName(name);
    const valueLength = anyValueLength(value);
    this.#writer.byte(ATTRIBUTE);
    this.#writer.varint(key.length + delimitedLength(valueLength));
    this.#writer.bytes(key);
    this.#anyValue(VALUE, value, valueLength);
  }

  #anyValue(key: number, value: AnyValue, length = anyValueLength(value)): void {
    const writer = this.#writer;
    writer.byte(key);
    writer.varint(length);
    if (typeof value === "string") writer.textField(STRING, value);
    else if (typeof value === "boolean") {
      writer.byte(BOOL);
      writer.byte(value ? 1 : 0);
    } else if (typeof value === "number" && Number.isSafeInteger(value)) {
      writer.byte(INT);
      if (value >= 0) writer.varint(value);
      else writer.varint64(BigInt(value));
    } else if (typeof value === "number") {
      writer.byte(DOUBLE);
      writer.double(value);
    }
  }

  #encodeName(name: string): Uint8Array {
    const length = Buffer.byteLength(name);
    const writer = new ProtobufWriter();
    writer.byte(KEY);
    writer.varint(length);
    writer.text(name, length);
    const encoded = new Uint8Array(writer.written());
    this.#names.set(name, encoded);
    return encoded;
  }
}

/** Returns the bytes of a scalar; anything else is encoded as an unset value. */
function anyValueLength(value: AnyValue): number {
  switch (typeof value) {
    case "string":
      return delimitedLength(Buffer.byteLength(value));
    case "boolean":
      return 2;
    case "number":
      if (!Number.isSafeInteger(value)) return 9;
      return 1 + (value < 0 ? 10 : varintLength(value));
    default:
      return 0;
  }
}

const NS_PER_SECOND = 1_000_000_000n;

/**
 * Returns Unix nanoseconds; 0, which stands for unknown, for a time that an unsigned 64-bit number
 * can't hold: some times come from a container.
 */
function unixNs([seconds, nanoseconds]: HrTime): bigint {
  const timeNs = BigInt(seconds) * NS_PER_SECOND + BigInt(nanoseconds);
  return BigInt.asUintN(64, timeNs) === timeNs ? timeNs : 0n;
}
