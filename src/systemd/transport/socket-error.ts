import type { Verdict } from "./verdict.ts";

export interface SocketErrorOptions {
  readonly cause?: unknown;
  /** True if the engine may report another PID 1 in a moment. */
  readonly isEarly?: boolean;
  /** True if it stays so, as a rule: another attempt soon won't find it otherwise. */
  readonly isLasting?: boolean;
}

/** The container's bus can't be reached through the host's /proc, or its connection failed. */
export class SocketError extends Error {
  override readonly name = "SocketError";
  readonly verdict: Verdict;
  readonly isEarly: boolean;
  readonly isLasting: boolean;

  constructor(message: string, verdict: Verdict, options: SocketErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : {});
    this.verdict = verdict;
    this.isEarly = options.isEarly ?? false;
    this.isLasting = options.isLasting ?? false;
  }
}
