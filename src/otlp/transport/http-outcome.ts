import { parseJsonObject } from "../../platform/data/json.ts";
import type { OtlpSignal } from "../../domain/otlp.ts";
import { readExportResponse } from "../protocol/export-response.ts";
import type { Encoding } from "../protocol/export-response.ts";
import type { HttpAnswer } from "./http-exchange.ts";
import { retryAfterMs } from "./retry-after.ts";
import { readRpcStatus } from "../protocol/rpc-status.ts";
import type { SendOutcome } from "./sender.ts";
import type { Redact } from "../protocol/redact.ts";

/** The facts of a request that its response is read by. */
export interface SentRequest {
  readonly signal: OtlpSignal;
  /** Encoding of the request, and of a response without a content type. */
  readonly encoding: Encoding;
  readonly redact: Redact;
  readonly nowMs: number;
}

/** Returns the outcome that a response means, by the OTLP specification. */
export function httpOutcome(answer: HttpAnswer, sent: SentRequest): SendOutcome {
  const { status } = answer;
  if (status >= 200 && status < 300) return success(answer, sent);

  const { kind, reason } = httpFailure(status);
  const message = [`the endpoint answered ${status}`, explanation(answer, sent)]
    .filter((part) => part !== "")
    .join(": ");
  if (kind !== "retry") return { kind, reason, message };
  const { date = "", "retry-after": retryAfter } = answer.headers;
  const endpointMs = Date.parse(date);
  const afterMs = retryAfterMs(retryAfter, Number.isNaN(endpointMs) ? sent.nowMs : endpointMs);
  return { kind, reason, message, afterMs };
}

function success(answer: HttpAnswer, sent: SentRequest): SendOutcome {
  if (answer.end === "cut") {
    const message = `the connection ended in the middle of the answer ${answer.status}`;
    return { kind: "retry", reason: "reset", message, afterMs: undefined };
  }
  const read =
    answer.end === "long"
      ? undefined
      : readExportResponse(answer.body, encodingOf(answer) ?? sent.encoding, sent.signal);
  if (read === undefined) {
    const message = `the endpoint answered ${answer.status} with a body that is not OTLP`;
    return { kind: "accepted", rejected: 0, message };
  }
  return { kind: "accepted", rejected: read.rejected, message: sent.redact(read.message) };
}

/** Returns the text of the endpoint, or of a proxy before it, about a failure. */
function explanation(answer: HttpAnswer, { redact }: SentRequest): string {
  const { status, headers, body } = answer;
  if (status >= 300 && status < 400) {
    return `redirects are not followed, and this one goes to ${redact(whereTo(headers.location))}`;
  }
  switch (encodingOf(answer)) {
    case "protobuf":
      return redact(readRpcStatus(body)?.message ?? "");
    case "json": {
      const message = parseJsonObject(body.toString())?.["message"];
      return redact(typeof message === "string" ? message : body.toString());
    }
    default:
      return redact(/^text\/html/i.test(headers["content-type"] ?? "") ? "" : body.toString());
  }
}

/** Returns the URL without user and query, which can hold a key. */
function whereTo(location: string | undefined): string {
  return location?.split(/[?#]/)[0]?.replace(/\/\/[^/@]*@/, "//") ?? "nowhere";
}

function encodingOf({ headers }: HttpAnswer): Encoding | undefined {
  const type = headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
  if (type === "application/x-protobuf" || type === "application/protobuf") return "protobuf";
  return type === "application/json" ? "json" : undefined;
}

/** Retryable by the protocol. https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes */
const RETRYABLE = new Set([429, 502, 503, 504]);
/** Statuses with a reason of their own; others share one for each first digit. */
const KNOWN = new Set([400, 401, 403, 404, 405, 408, 411, 413, 415, 422, 500, 501, ...RETRYABLE]);

export interface HttpFailure {
  readonly kind: "retry" | "too-large" | "rejected";
  readonly reason: string;
}

/** Returns the outcome that a status other than 2xx means, by the OTLP specification. */
export function httpFailure(status: number): HttpFailure {
  const reason = `http_${KNOWN.has(status) ? status : `${Math.trunc(status / 100)}xx`}`;
  if (status === 413) return { kind: "too-large", reason };
  return { kind: RETRYABLE.has(status) ? "retry" : "rejected", reason };
}
