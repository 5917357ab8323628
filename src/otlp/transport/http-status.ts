/** What the protocol calls worth another try. https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes */
const RETRYABLE = new Set([429, 502, 503, 504]);
/** Those that have a reason of their own; of the others only the first digit is told. */
const KNOWN = new Set([400, 401, 403, 404, 405, 408, 411, 413, 415, 422, 500, 501, ...RETRYABLE]);

export interface HttpFailure {
  readonly kind: "retry" | "too-large" | "rejected";
  readonly reason: string;
}

/** What a status other than 2xx means, by the OTLP specification. */
export function httpFailure(status: number): HttpFailure {
  const reason = `http_${KNOWN.has(status) ? status : `${Math.trunc(status / 100)}xx`}`;
  if (status === 413) return { kind: "too-large", reason };
  return { kind: RETRYABLE.has(status) ? "retry" : "rejected", reason };
}
