import { httpFailure } from "./http-outcome.ts";
import { faultReason } from "./network-fault.ts";
import type { FaultReason } from "./network-fault.ts";
import { bounded } from "./retry-after.ts";
import { readRpcStatus } from "../protocol/rpc-status.ts";
import type { SendOutcome } from "./sender.ts";
import type { Redact } from "../protocol/redact.ts";

/** Status codes by number: https://grpc.io/docs/guides/status-codes/ */
const NAMES = [
  "ok",
  "cancelled",
  "unknown",
  "invalid_argument",
  "deadline_exceeded",
  "not_found",
  "already_exists",
  "permission_denied",
  "resource_exhausted",
  "failed_precondition",
  "aborted",
  "out_of_range",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
  "unauthenticated",
] as const;
type Name = (typeof NAMES)[number];

/** Retryable by the protocol. https://opentelemetry.io/docs/specs/otlp/#failures */
const RETRYABLE: ReadonlySet<Name> = new Set([
  "cancelled",
  "deadline_exceeded",
  "aborted",
  "out_of_range",
  "unavailable",
  "data_loss",
]);

/** Messages of servers in Go, C++, Java, .NET and Node.js about a request that exceeds their limit. */
const TOO_LARGE = /larger than|too large|exceeds (the )?max/i;

/** Details that grpc-js invents, with a code, for a response without gRPC, or none. */
const HTTP_ALONE = /^Received HTTP status code (\d{3})$/;
const NO_STATUS = /^Received RST_STREAM with code |^Bandwidth exhausted or memory limit exceeded$/;

export interface GrpcFailure {
  readonly code: number;
  readonly details: string;
  /** From the trailer `grpc-status-details-bin`. */
  readonly status: Uint8Array | undefined;
  /** There is no connection now; perhaps there never was. */
  readonly isUnconnected: boolean;
}

/** Returns the outcome of a failed call, by the OTLP specification. */
export function grpcOutcome(failure: GrpcFailure, redact: Redact): SendOutcome {
  const { details } = failure;
  const text = redact(details);
  const [, http] = HTTP_ALONE.exec(details) ?? [];
  if (http !== undefined) {
    const { kind, reason } = httpFailure(Number(http));
    const message = `the endpoint answered HTTP ${http} without gRPC`;
    return kind === "retry"
      ? { kind, reason, message, afterMs: undefined }
      : { kind, reason, message };
  }
  const fault = brokenBy(failure);
  if (fault !== undefined) {
    return { kind: "retry", reason: fault, message: text, afterMs: undefined };
  }

  const name = NAMES[failure.code] ?? "unknown";
  const reason = name === "deadline_exceeded" ? "timeout" : `grpc_${name}`;
  const message = `the endpoint answered ${name.toUpperCase()}${text === "" ? "" : `: ${text}`}`;
  const retryDelayMs =
    failure.status === undefined ? undefined : readRpcStatus(failure.status)?.retryDelayMs;
  if (name === "resource_exhausted" && retryDelayMs === undefined) {
    return { kind: TOO_LARGE.test(details) ? "too-large" : "rejected", reason, message };
  }
  if (name !== "resource_exhausted" && !RETRYABLE.has(name)) {
    return { kind: "rejected", reason, message };
  }
  const afterMs = retryDelayMs === undefined ? undefined : bounded(retryDelayMs);
  return { kind: "retry", reason, message, afterMs };
}

/** Returns why there was no response; undefined if there was one. */
function brokenBy({ code, details, isUnconnected }: GrpcFailure): FaultReason | undefined {
  if (NO_STATUS.test(details)) return "reset";
  if (!isUnconnected || NAMES[code] !== "unavailable") return undefined;
  const reason = faultReason("", details);
  // A server can announce its shutdown, and then close.
  return reason === "network" ? undefined : reason;
}
