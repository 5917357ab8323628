import { readProtobuf } from "./protobuf.ts";
import type { ProtobufFields } from "./protobuf.ts";

type Scalar = string | boolean | bigint | number | undefined;

/** A log record of an OTLP request. */
export interface DecodedLog {
  readonly timeNs: bigint;
  readonly observedNs: bigint;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly eventName: string;
  readonly body: Scalar;
  readonly attributes: Readonly<Record<string, Scalar>>;
  readonly scope: { readonly name: string; readonly version: string };
  readonly resource: Readonly<Record<string, Scalar>>;
}

/**
 * Reads an ExportLogsServiceRequest by the field numbers of
 * https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/logs/v1/logs.proto
 */
export function decodeOtlpLogs(request: Buffer): DecodedLog[] {
  const logs: DecodedLog[] = [];
  for (const resourceLogs of messages(readProtobuf(request), 1)) {
    const [resource] = messages(resourceLogs, 1);
    for (const scopeLogs of messages(resourceLogs, 2)) {
      const [scope] = messages(scopeLogs, 1);
      for (const record of messages(scopeLogs, 2)) {
        logs.push({
          timeNs: number(record, 1),
          severityNumber: Number(number(record, 2)),
          severityText: text(record, 3),
          body: anyValue(messages(record, 5)[0]),
          attributes: keyValues(record, 6),
          observedNs: number(record, 11),
          eventName: text(record, 12),
          scope: { name: text(scope, 1), version: text(scope, 2) },
          resource: keyValues(resource, 1),
        });
      }
    }
  }
  return logs;
}

function messages(fields: ProtobufFields | undefined, field: number): ProtobufFields[] {
  return (fields?.get(field) ?? []).map((value) => readProtobuf(value as Buffer));
}

function text(fields: ProtobufFields | undefined, field: number): string {
  return String(fields?.get(field)?.[0] ?? "");
}

function number(fields: ProtobufFields, field: number): bigint {
  return (fields.get(field)?.[0] as bigint | undefined) ?? 0n;
}

function keyValues(fields: ProtobufFields | undefined, field: number): Record<string, Scalar> {
  return Object.fromEntries(
    messages(fields, field).map((pair) => [text(pair, 1), anyValue(messages(pair, 2)[0])]),
  );
}

/** AnyValue: a string is field 1, a bool 2, an int 3, a double 4. */
function anyValue(value: ProtobufFields | undefined): Scalar {
  if (value === undefined) return undefined;
  if (value.has(1)) return text(value, 1);
  if (value.has(2)) return number(value, 2) === 1n;
  if (value.has(3)) return number(value, 3);
  if (value.has(4)) {
    const bits = Buffer.alloc(8);
    bits.writeBigUInt64LE(number(value, 4));
    return bits.readDoubleLE();
  }
  return undefined;
}
