import { ProtobufError, ProtobufReader, WireType } from "../../platform/data/protobuf-reader.ts";

/** The used parts of a google.rpc.Status. */
export interface RpcStatus {
  /** Foreign text of any length. */
  readonly message: string;
  /** From a google.rpc.RetryInfo in the details. */
  readonly retryDelayMs: number | undefined;
}

/**
 * Reads a google.rpc.Status; undefined if it isn't one.
 * https://github.com/googleapis/googleapis/blob/master/google/rpc/status.proto
 */
export function readRpcStatus(bytes: Uint8Array): RpcStatus | undefined {
  let message = "";
  let retryDelayMs: number | undefined;
  try {
    for (const { field, wireType, reader } of values(bytes)) {
      if (field === 2 && wireType === WireType.Bytes) message = reader.text();
      else if (field === 3 && wireType === WireType.Bytes) {
        retryDelayMs = retryDelay(reader.bytes()) ?? retryDelayMs;
      } else reader.skip();
    }
  } catch (error) {
    if (error instanceof ProtobufError) return undefined;
    throw error;
  }
  return { message, retryDelayMs };
}

/** An Any: field 1 names the type, 2 is the message. RetryInfo has a Duration in field 1. */
function retryDelay(detail: Uint8Array): number | undefined {
  let type = "";
  let info: Uint8Array = new Uint8Array();
  for (const { field, wireType, reader } of values(detail)) {
    if (field === 1 && wireType === WireType.Bytes) type = reader.text();
    else if (field === 2 && wireType === WireType.Bytes) info = reader.bytes();
    else reader.skip();
  }
  if (!type.endsWith("/google.rpc.RetryInfo")) return undefined;
  let delayMs = 0;
  for (const { field, wireType, reader } of values(info)) {
    if (field === 1 && wireType === WireType.Bytes) delayMs = durationMs(reader.bytes());
    else reader.skip();
  }
  return delayMs;
}

/** A Duration: seconds in field 1, nanoseconds in 2. */
function durationMs(duration: Uint8Array): number {
  let ms = 0;
  for (const { field, wireType, reader } of values(duration)) {
    if (wireType !== WireType.Varint || field > 2) reader.skip();
    else ms += Number(BigInt.asIntN(64, reader.varint())) * (field === 1 ? 1e3 : 1e-6);
  }
  return Math.ceil(Math.max(ms, 0));
}

interface Value {
  readonly field: number;
  readonly wireType: number;
  /** Positioned at the value. */
  readonly reader: ProtobufReader;
}

function* values(message: Uint8Array): Generator<Value> {
  const reader = new ProtobufReader(message);
  while (reader.next()) yield { field: reader.field, wireType: reader.wireType, reader };
}
