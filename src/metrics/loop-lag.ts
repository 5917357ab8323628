import { createHistogram } from "node:perf_hooks";
import type { Clock } from "../domain/clock.ts";

/** Delays of timers, in seconds. All are 0 if none was measured. */
export interface LoopLags {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly stddev: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

/** Interval of the measurements, while there is work. */
const EVERY_MS = 50;
/** Longest delay that is measured, and with two figures: the default takes 360 KB. */
const MAX_LAG_NS = 3_600e9;
/** Measurements go on for so long after the last work. */
const QUIET_MS = 500;

/**
 * Measures how late timers run, which is how long the event loop does something else, while there is
 * work. A timer that always runs, as that of Node.js's `monitorEventLoopDelay`, is most of the cost of an
 * idle process, and its `samplePerIteration` doesn't see the time that callbacks of sockets take.
 */
export class LoopLag implements Disposable {
  readonly #clock: Pick<Clock, "monotonicMs" | "setTimeout">;
  readonly #lagsNs = createHistogram({ highest: MAX_LAG_NS, figures: 2 });
  #timer: Disposable | undefined;
  #dueMs = 0;
  #quietMs = 0;
  #isDisposed = false;

  constructor(clock: Pick<Clock, "monotonicMs" | "setTimeout">) {
    this.#clock = clock;
  }

  /** Measures from now on, until there was no work for a while. */
  working(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#quietMs = nowMs + QUIET_MS;
    if (this.#timer === undefined && !this.#isDisposed) this.#start(nowMs);
  }

  /** Returns the delays since the last call. */
  take(): LoopLags {
    const lags = this.#lagsNs;
    if (lags.count === 0) return { min: 0, max: 0, mean: 0, stddev: 0, p50: 0, p90: 0, p99: 0 };
    const part = (percent: number): number => lags.percentile(percent) / 1e9;
    const taken = {
      min: lags.min / 1e9,
      max: lags.max / 1e9,
      mean: lags.mean / 1e9,
      stddev: lags.stddev / 1e9,
      p50: part(50),
      p90: part(90),
      p99: part(99),
    };
    lags.reset();
    return taken;
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  #start(nowMs: number): void {
    this.#dueMs = nowMs + EVERY_MS;
    this.#timer = this.#clock.setTimeout(() => this.#measure(), EVERY_MS);
  }

  #measure(): void {
    const nowMs = this.#clock.monotonicMs();
    // A histogram has no zero.
    const lagNs = Math.max(1, Math.round((nowMs - this.#dueMs) * 1e6));
    this.#lagsNs.record(Math.min(lagNs, MAX_LAG_NS));
    this.#timer = undefined;
    if (nowMs < this.#quietMs) this.#start(nowMs);
  }
}
