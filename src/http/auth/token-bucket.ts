import type { Clock } from "../../domain/clock.ts";

/** Lets `burst` things pass at once, and then one each `intervalMs`. */
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

  /** True where a token was there to be taken. */
  take(): boolean {
    this.#fill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Puts one back that wasn't needed. */
  giveBack(): void {
    this.#tokens = Math.min(this.#tokens + 1, this.#burst);
  }

  /** Until there is one again; 0 where there is. */
  get waitMs(): number {
    this.#fill();
    return this.#tokens >= 1 ? 0 : (1 - this.#tokens) * this.#intervalMs;
  }

  get isFull(): boolean {
    this.#fill();
    return this.#tokens >= this.#burst;
  }

  #fill(): void {
    const nowMs = this.#clock.monotonicMs();
    const more = (nowMs - this.#filledMs) / this.#intervalMs;
    this.#tokens = Math.min(this.#tokens + more, this.#burst);
    this.#filledMs = nowMs;
  }
}
