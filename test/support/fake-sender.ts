import type { OtlpSender, SendOutcome } from "../../src/otlp/transport/sender.ts";
import { decodeOtlpLogs } from "./otlp-logs.ts";

/** Sender that keeps the record bodies of each request; a test sets its outcomes. */
export interface FakeSender extends OtlpSender {
  /** Bodies of all requests, accepted or not. */
  readonly requests: string[][];
  /** Bodies of accepted requests. */
  readonly accepted: string[];
  /** Next outcomes; when empty, every request is accepted. */
  readonly answers: (SendOutcome | Promise<SendOutcome>)[];
  /** Limit of records; a larger request is too large. */
  maxRecords: number;
  isDisposed: boolean;
}

export const ACCEPTED: SendOutcome = { kind: "accepted", rejected: 0, message: "" };

export function retry(afterMs?: number): SendOutcome {
  return { kind: "retry", reason: "http_503", message: "it is busy", afterMs };
}

export function fakeSender(): FakeSender {
  const sender: FakeSender = {
    requests: [],
    accepted: [],
    answers: [],
    maxRecords: Number.POSITIVE_INFINITY,
    isDisposed: false,
    async send(request, signal) {
      const bodies = decodeOtlpLogs(Buffer.from(request)).map(({ body }) => String(body));
      sender.requests.push(bodies);
      if (bodies.length > sender.maxRecords) {
        return { kind: "too-large", reason: "http_413", message: "too large" };
      }
      const aborted = new Promise<SendOutcome>((resolve) => {
        signal.addEventListener("abort", () => resolve(retry()));
      });
      const outcome = await Promise.race([sender.answers.shift() ?? ACCEPTED, aborted]);
      if (outcome.kind === "accepted") sender.accepted.push(...bodies);
      return outcome;
    },
    async [Symbol.asyncDispose]() {
      sender.isDisposed = true;
    },
  };
  return sender;
}
