/** Bounds of the wait between two attempts, in milliseconds. */
export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
}

/** Every stream is opened again after 250 ms at first, and after 30 s at most. */
export const STREAM_BACKOFF: BackoffOptions = { initialMs: 250, maxMs: 30_000 };

/** Doubling waits with jitter: each is between half of its turn's length and the whole of it. */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #random: () => number;
  #nextMs: number;

  constructor(options: BackoffOptions, random: () => number = Math.random) {
    this.#options = options;
    this.#random = random;
    this.#nextMs = options.initialMs;
  }

  /** How long to wait before the next attempt, in milliseconds. */
  next(): number {
    const turnMs = this.#nextMs;
    this.#nextMs = Math.min(turnMs * 2, this.#options.maxMs);
    const ms = turnMs / 2 + (this.#random() * turnMs) / 2;
    return Math.max(this.#options.initialMs, ms);
  }

  /** The last attempt was good: the next wait is the shortest again. */
  reset(): void {
    this.#nextMs = this.#options.initialMs;
  }
}
