import { performance } from "node:perf_hooks";
import type { Clock } from "../../domain/clock.ts";

/** Longest delay of a timer; a longer one would run at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

function startTimer(run: () => void, delayMs: number): Disposable {
  const timer = setTimeout(run, Math.min(delayMs, MAX_DELAY_MS));
  return {
    [Symbol.dispose]: () => {
      clearTimeout(timer);
    },
  };
}

/** The machine's clock. Its timers keep the process alive until they have run or are canceled. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),

  nowNs() {
    // Date has milliseconds alone; performance has microseconds, but doesn't notice when the clock
    // is set. So the fraction is performance's, within Date's millisecond.
    const nowMs = Date.now();
    const fractionMs = performance.timeOrigin + performance.now() - nowMs;
    const fractionNs = Math.min(Math.max(Math.trunc(fractionMs * 1e6), 0), 999_999);
    return BigInt(nowMs) * 1_000_000n + BigInt(fractionNs);
  },

  monotonicMs: () => performance.now(),

  setTimeout: startTimer,

  sleep(delayMs, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(reasonOf(signal));
        return;
      }
      const timer = startTimer(() => {
        signal?.removeEventListener("abort", abort);
        resolve();
      }, delayMs);
      function abort(): void {
        timer[Symbol.dispose]();
        if (signal !== undefined) reject(reasonOf(signal));
      }
      signal?.addEventListener("abort", abort, { once: true });
    });
  },
};

/** Returns the reason as the aborter gave it, of whatever type. */
function reasonOf(signal: AbortSignal): Error {
  return signal.reason as Error;
}
