/** The program's time. `systemClock` is the machine's; tests move theirs by hand. */
export interface Clock {
  /** Returns Unix time in milliseconds; it can jump, when the machine's clock is set. */
  nowMs(): number;
  /** Returns Unix time in nanoseconds; it can jump. Finer than a millisecond if the machine's clock is. */
  nowNs(): bigint;
  /** Returns milliseconds since an unknown start, with fractions; never goes back. For spans, not dates. */
  monotonicMs(): number;
  /**
   * Runs `run` once, `delayMs` from now and never before this call returns. Disposing the handle
   * cancels it; harmless when it has run. Delays beyond 2^31-1 ms are cut to that (24 days).
   */
  setTimeout(run: () => void, delayMs: number): Disposable;
  /** Resolves `delayMs` from now; rejects with `signal.reason` as soon as `signal` is aborted. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}
