/** Time as the program sees it. The system's is `systemClock`; tests have one they move by hand. */
export interface Clock {
  /** Unix time in milliseconds; can jump, as the machine's clock can be set. */
  nowMs(): number;
  /** Unix time in nanoseconds; can jump. Finer than a millisecond where the machine's clock is. */
  nowNs(): bigint;
  /** Milliseconds from an unknown start, with fractions; never goes back. For spans, not for dates. */
  monotonicMs(): number;
  /**
   * Runs `run` once, `delayMs` from now and never before this call returns. Disposing the handle
   * calls it off; harmless when it has run. Delays beyond 2^31-1 ms are cut to that (24 days).
   */
  setTimeout(run: () => void, delayMs: number): Disposable;
  /** Resolves `delayMs` from now; rejects with `signal.reason` as soon as `signal` is aborted. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}
