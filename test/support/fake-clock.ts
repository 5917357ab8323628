import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../src/domain/clock.ts";

interface FakeTimer {
  readonly atMs: number;
  readonly run: () => void;
}

/** Clock that a test advances. Starts at 2026-01-01T00:00:00Z. */
export class FakeClock implements Clock {
  #elapsedMs = 0;
  #startMs: number;
  readonly #timers = new Set<FakeTimer>();

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#startMs = startMs;
  }

  /** Number of timers that haven't fired. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer fires; undefined without a timer. */
  get nextTimerMs(): number | undefined {
    const next = this.#next();
    return next === undefined ? undefined : next.atMs - this.#elapsedMs;
  }

  nowMs(): number {
    return this.#startMs + this.#elapsedMs;
  }

  nowNs(): bigint {
    return BigInt(Math.round(this.nowMs() * 1e6));
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  setTimeout(run: () => void, delayMs: number): Disposable {
    const timer = { atMs: this.#elapsedMs + Math.max(delayMs, 0), run };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (signal?.aborted === true) {
      reject(signal.reason as Error);
      return promise;
    }
    const timer = this.setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, delayMs);
    const abort = (): void => {
      timer[Symbol.dispose]();
      reject(signal?.reason as Error);
    };
    signal?.addEventListener("abort", abort, { once: true });
    return promise;
  }

  /**
   * Advances time by `ms` and fires due timers in order. What a timer starts proceeds, as far as it
   * needs no I/O, before the next one fires.
   */
  async advance(ms: number): Promise<void> {
    const targetMs = this.#elapsedMs + ms;
    await setImmediate();
    for (let next = this.#next(); next !== undefined && next.atMs <= targetMs;) {
      this.#elapsedMs = next.atMs;
      this.#timers.delete(next);
      next.run();
      await setImmediate();
      next = this.#next();
    }
    this.#elapsedMs = targetMs;
  }

  /** Sets Unix time, as an administrator can; monotonic time and timers don't change. */
  setNowMs(nowMs: number): void {
    this.#startMs = nowMs - this.#elapsedMs;
  }

  #next(): FakeTimer | undefined {
    let next: FakeTimer | undefined;
    for (const timer of this.#timers) {
      if (next === undefined || timer.atMs < next.atMs) next = timer;
    }
    return next;
  }
}
