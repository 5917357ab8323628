/** Bounds of the wait between two attempts, in milliseconds. */
export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  /**
   * After a success, waits are at most `maxMs` until they add up to `forMs`: a stream that was open
   * until now most likely comes back soon, and should be watched soon then. Default: off.
   */
  readonly patience?: { readonly maxMs: number; readonly forMs: number };
}

/** Reopens a container's stream after 250 ms at first, and after 30 s at most. */
export const STREAM_BACKOFF: BackoffOptions = {
  initialMs: 250,
  maxMs: 30_000,
  // Each attempt is an exec, which the container and the engine pay for.
  patience: { maxMs: 1_000, forMs: 60_000 },
};

/** Reopens the engine's own stream: an attempt to connect costs next to nothing. */
export const ENGINE_BACKOFF: BackoffOptions = {
  ...STREAM_BACKOFF,
  patience: { maxMs: 1_000, forMs: 600_000 },
};

/** Doubles waits, with jitter: each is between half of its turn's length and all of it. */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #random: () => number;
  #nextMs: number;
  /** Sum of the waits until patience ends. */
  #patienceMs = 0;

  constructor(options: BackoffOptions, random: () => number = Math.random) {
    this.#options = options;
    this.#random = random;
    this.#nextMs = options.initialMs;
  }

  /** Returns the wait before the next attempt, in milliseconds. */
  next(): number {
    const { initialMs, maxMs, patience } = this.#options;
    const turnMs = this.#nextMs;
    const limitMs = this.#patienceMs > 0 ? (patience?.maxMs ?? maxMs) : maxMs;
    this.#nextMs = Math.min(turnMs * 2, limitMs);
    const ms = Math.max(initialMs, turnMs / 2 + (this.#random() * turnMs) / 2);
    this.#patienceMs -= ms;
    return ms;
  }

  /** Makes the next wait the shortest again, after an attempt that succeeded. */
  reset(): void {
    this.#nextMs = this.#options.initialMs;
    this.#patienceMs = this.#options.patience?.forMs ?? 0;
  }
}
