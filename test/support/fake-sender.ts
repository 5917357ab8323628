import type { OtlpSender, SendOutcome } from "../../src/otlp/transport/sender.ts";
import { decodeOtlpLogs } from "./otlp-logs.ts";

/** A sender that keeps the bodies of the records of each request, and answers as a test says. */
export interface FakeSender extends OtlpSender {
  /** What was asked to be sent, taken or not. */
  readonly requests: string[][];
  /** What was taken. */
  readonly taken: string[];
  /** The answers to come; when there is none, everything is taken. */
  readonly answers: (SendOutcome | Promise<SendOutcome>)[];
  /** More records than that are too large a request. */
  maxRecords: number;
  isDisposed: boolean;
}

export const TAKEN: SendOutcome = { kind: "taken", rejected: 0, message: "" };

export function retry(afterMs?: number): SendOutcome {
  return { kind: "retry", reason: "http_503", message: "it is busy", afterMs };
}

export function fakeSender(): FakeSender {
  const sender: FakeSender = {
    requests: [],
    taken: [],
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
      const outcome = await Promise.race([sender.answers.shift() ?? TAKEN, aborted]);
      if (outcome.kind === "taken") sender.taken.push(...bodies);
      return outcome;
    },
    async [Symbol.asyncDispose]() {
      sender.isDisposed = true;
    },
  };
  return sender;
}
