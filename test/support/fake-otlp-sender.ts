import type { OtlpSender, SendOutcome } from "../../src/otlp/transport/sender.ts";

export const ACCEPTED: SendOutcome = { kind: "accepted", rejected: 0, message: "" };

/** An outcome that asks for another attempt. */
export function retry(afterMs?: number): SendOutcome {
  return { kind: "retry", reason: "unavailable", message: "not now", afterMs };
}

/** Keeps the requests, and answers as configured. */
export class FakeOtlpSender implements OtlpSender {
  readonly requests: Uint8Array[] = [];
  isDisposed = false;
  /** Its answer. Default: everything accepted. */
  answer: (request: Uint8Array, signal: AbortSignal) => SendOutcome | Promise<SendOutcome> = () =>
    ACCEPTED;
  #arrived = Promise.withResolvers<void>();

  async send(request: Uint8Array, signal: AbortSignal): Promise<SendOutcome> {
    this.requests.push(request);
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers();
    return this.answer(request, signal);
  }

  /** Resolves once there were so many requests. */
  async received(count: number): Promise<void> {
    while (this.requests.length < count) await this.#arrived.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isDisposed = true;
  }
}
