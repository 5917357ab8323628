import {
  delimitedLength,
  fieldKey,
  LENGTH_DELIMITED,
  ProtobufWriter,
} from "./protocol/protobuf-writer.ts";
import { LOG_RECORD } from "./log-encoder.ts";

/** The common parts of all records of a process. */
export interface LogOrigin {
  /** Returns the attributes of the resource: the same object as long as they are the same. */
  readonly resource: () => Readonly<Record<string, string>>;
  /** Name and version of the instrumentation scope. */
  readonly scope: { readonly name: string; readonly version: string };
}

const FIRST = fieldKey(1, LENGTH_DELIMITED);
const SECOND = fieldKey(2, LENGTH_DELIMITED);

/**
 * Builds an ExportLogsServiceRequest from encoded records, in their order.
 * https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/collector/logs/v1/logs_service.proto
 */
export class LogRequest {
  readonly #resourceNow: LogOrigin["resource"];
  #attributes: ReturnType<LogOrigin["resource"]>;
  #resource: Uint8Array;
  readonly #scope: Uint8Array;

  constructor({ resource, scope }: LogOrigin) {
    this.#resourceNow = resource;
    this.#attributes = resource();
    this.#resource = encodeResource(this.#attributes);
    this.#scope = message((writer) => {
      writer.textField(FIRST, scope.name);
      if (scope.version !== "") writer.textField(SECOND, scope.version);
    });
  }

  /** @param parts whole records each, as `LogEncoder` encodes them */
  build(parts: readonly Uint8Array[]): Uint8Array {
    const attributes = this.#resourceNow();
    if (attributes !== this.#attributes) {
      this.#attributes = attributes;
      this.#resource = encodeResource(attributes);
    }
    const records = parts.reduce((sum, { length }) => sum + length, 0);
    const scopeLogs = delimitedLength(this.#scope.length) + records;
    const resourceLogs = delimitedLength(this.#resource.length) + delimitedLength(scopeLogs);
    const writer = new ProtobufWriter(delimitedLength(resourceLogs));
    writer.byte(FIRST);
    writer.varint(resourceLogs);
    writer.field(FIRST, this.#resource);
    writer.byte(SECOND);
    writer.varint(scopeLogs);
    writer.field(FIRST, this.#scope);
    for (const part of parts) writer.bytes(part);
    return writer.written();
  }
}

/**
 * Returns where each record ends; undefined if the bytes aren't exactly `count` whole records.
 */
export function recordEnds(bytes: Uint8Array, count: number): readonly number[] | undefined {
  const ends: number[] = [];
  for (let at = 0; at < bytes.length;) {
    if (bytes[at] !== LOG_RECORD) return undefined;
    at += 1;
    let length = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = bytes[at];
      if (byte === undefined || scale > 2 ** 28) return undefined;
      at += 1;
      length += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
    }
    at += length;
    if (at > bytes.length) return undefined;
    ends.push(at);
  }
  return ends.length === count ? ends : undefined;
}

function encodeResource(attributes: ReturnType<LogOrigin["resource"]>): Uint8Array {
  return message((writer) => {
    for (const [name, value] of Object.entries(attributes)) {
      const pair = message((inner) => {
        inner.textField(FIRST, name);
        inner.field(
          SECOND,
          message((any) => any.textField(FIRST, value)),
        );
      });
      writer.field(FIRST, pair);
    }
  });
}

function message(write: (writer: ProtobufWriter) => void): Uint8Array {
  const writer = new ProtobufWriter();
  write(writer);
  return new Uint8Array(writer.written());
}
