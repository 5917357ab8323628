import type { Clock } from "../../domain/clock.ts";

/** Passes `burst` requests at once, then one each `intervalMs`. */
export class TokenBucket {
  readonly #intervalMs: number;
  readonly #burst: number;
  readonly #clock: Clock;
  #tokens: number;
  #filledMs: number;

  constructor(
    { intervalMs, burst }: { readonly intervalMs: number; readonly burst: number },
    clock: Clock,
  ) {
    this.#intervalMs = intervalMs;
    this.#burst = burst;
    this.#clock = clock;
    this.#tokens = burst;
    this.#filledMs = clock.monotonicMs();
  }

  /** Takes a token. Returns false if none is left. */
  take(): boolean {
    this.#fill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Returns an unused token to the bucket. */
  giveBack(): void {
    this.#tokens = Math.min(this.#tokens + 1, this.#burst);
  }

  /** Time until a token is available; 0 if one is. */
  get waitMs(): number {
    this.#fill();
    return this.#tokens >= 1 ? 0 : (1 - this.#tokens) * this.#intervalMs;
  }

  #fill(): void {
    const nowMs = this.#clock.monotonicMs();
    const more = (nowMs - this.#filledMs) / this.#intervalMs;
    this.#tokens = Math.min(this.#tokens + more, this.#burst);
    this.#filledMs = nowMs;
  }
}
