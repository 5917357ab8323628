import { faultReason } from "./network-fault.ts";
import { bounded } from "./retry-after.ts";
import { readRpcStatus } from "./rpc-status.ts";
import type { SendOutcome } from "./sender.ts";
import type { Tell } from "./told.ts";

/** By number: https://grpc.io/docs/guides/status-codes/ */
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

/** What the protocol calls worth another try. https://opentelemetry.io/docs/specs/otlp/#failures */
const RETRYABLE: ReadonlySet<Name> = new Set([
  "cancelled",
  "deadline_exceeded",
  "aborted",
  "out_of_range",
  "unavailable",
  "data_loss",
]);

/** What servers in Go, C++, Java, .NET and Node.js say of a message that is larger than they take. */
const TOO_LARGE = /larger than|too large|exceeds (the )?max/i;

export interface GrpcFailure {
  readonly code: number;
  readonly details: string;
  /** Of the trailer `grpc-status-details-bin`. */
  readonly status: Uint8Array | undefined;
  /** The connection is none, or there was none: nobody answered. */
  readonly isUnconnected: boolean;
}

/** What a call that failed means, by the OTLP specification. */
export function grpcOutcome(failure: GrpcFailure, tell: Tell): SendOutcome {
  const name = NAMES[failure.code] ?? "unknown";
  const said = tell(failure.details);
  const message = [
    failure.isUnconnected ? "no connection" : `the endpoint answered ${name.toUpperCase()}`,
    said,
  ]
    .filter((part) => part !== "")
    .join(": ");
  const retryDelayMs =
    failure.status === undefined ? undefined : readRpcStatus(failure.status)?.retryDelayMs;

  if (name === "resource_exhausted" && retryDelayMs === undefined) {
    const kind = TOO_LARGE.test(failure.details) ? "too-large" : "refused";
    return { kind, reason: `grpc_${name}`, message };
  }
  if (name !== "resource_exhausted" && !RETRYABLE.has(name)) {
    return { kind: "refused", reason: `grpc_${name}`, message };
  }
  const afterMs = retryDelayMs === undefined ? undefined : bounded(retryDelayMs);
  return { kind: "retry", reason: reasonOf(name, failure), message, afterMs };
}

function reasonOf(name: Name, { isUnconnected, details }: GrpcFailure): string {
  if (name === "deadline_exceeded") return "timeout";
  return name === "unavailable" && isUnconnected ? faultReason("", details) : `grpc_${name}`;
}
