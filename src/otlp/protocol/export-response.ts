import { parseJsonObject } from "../../platform/data/json.ts";
import type { OtlpSignal } from "../../domain/otlp.ts";
import { ProtobufError, ProtobufReader, WireType } from "../../platform/data/protobuf-reader.ts";

export type Encoding = "protobuf" | "json";

/** The response to a request that the endpoint accepted, perhaps in part. */
export interface PartialSuccess {
  /** Number of rejected records or data points. */
  readonly rejected: number;
  /** Foreign text of any length; a warning if nothing was rejected. */
  readonly message: string;
}

/** Reads an ExportLogsServiceResponse or ExportMetricsServiceResponse; undefined if it is neither. */
export function readExportResponse(
  body: Uint8Array,
  encoding: Encoding,
  signal: OtlpSignal,
): PartialSuccess | undefined {
  if (body.length === 0) return { rejected: 0, message: "" };
  return encoding === "json" ? fromJson(body, signal) : fromProtobuf(body);
}

/** `partial_success` is field 1; in it, the number of rejected ones is 1, `error_message` 2. */
function fromProtobuf(body: Uint8Array): PartialSuccess | undefined {
  let rejected = 0n;
  let message = "";
  try {
    const response = new ProtobufReader(body);
    while (response.next()) {
      if (response.field !== 1 || response.wireType !== WireType.Bytes) {
        response.skip();
        continue;
      }
      const partial = response.nested();
      while (partial.next()) {
        if (partial.field === 1 && partial.wireType === WireType.Varint) {
          rejected = BigInt.asIntN(64, partial.varint());
        } else if (partial.field === 2 && partial.wireType === WireType.Bytes) {
          message = partial.text();
        } else partial.skip();
      }
    }
  } catch (error) {
    if (error instanceof ProtobufError) return undefined;
    throw error;
  }
  return { rejected: count(Number(rejected)), message };
}

function fromJson(body: Uint8Array, signal: OtlpSignal): PartialSuccess | undefined {
  const response = parseJsonObject(Buffer.from(body).toString());
  if (response === undefined) return undefined;
  const partial = response["partialSuccess"];
  if (typeof partial !== "object" || partial === null) return { rejected: 0, message: "" };
  const fields = partial as Readonly<Record<string, unknown>>;
  const rejected = fields[signal === "logs" ? "rejectedLogRecords" : "rejectedDataPoints"];
  const message = fields["errorMessage"];
  return {
    rejected: typeof rejected === "string" || typeof rejected === "number" ? count(+rejected) : 0,
    message: typeof message === "string" ? message : "",
  };
}

function count(value: number): number {
  return Number.isSafeInteger(value) && value > 0 ? value : 0;
}
