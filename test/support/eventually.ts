import { setTimeout as delay } from "node:timers/promises";
import { slowMs } from "./slowness.ts";

export interface EventuallyOptions {
  /** Time limit on an idle machine. Default 30,000. */
  readonly withinMs?: number;
  /** Interval between two checks on an idle machine. Default 25. */
  readonly everyMs?: number;
}

/**
 * Repeats `check` until it neither throws nor returns false; returns its result. Throws the last
 * error at the time limit. For events that send no signal.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { withinMs = 30_000, everyMs = 25 }: EventuallyOptions = {},
): Promise<Exclude<T, false>> {
  const begin = performance.now();
  for (;;) {
    // A check that begins before the limit counts, so at least one does.
    const isLast = performance.now() - begin >= slowMs(withinMs);
    try {
      const seen = await check();
      if (seen !== false) return seen as Exclude<T, false>;
      if (isLast) throw new Error(`not true after ${withinMs} ms: ${String(check)}`);
    } catch (error) {
      if (isLast) throw error;
    }
    await delay(slowMs(everyMs));
  }
}
