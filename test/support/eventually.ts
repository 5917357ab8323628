import { setTimeout as delay } from "node:timers/promises";
import { slowMs } from "./slowness.ts";

export interface EventuallyOptions {
  /** Time limit on an idle machine. Default 30,000. */
  readonly withinMs?: number;
  /** Interval between two checks on an idle machine. Default: 25, growing to 200. */
  readonly everyMs?: number;
}

/** A check can cost a scrape and commands in a container: after a while they are rarer. */
const FIRST_MS = 25;
const LAST_MS = 200;
const GROWTH = 1.15;

/**
 * Repeats `check` until it neither throws nor returns false; returns its result. Throws the last
 * error at the time limit. For events that send no signal.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { withinMs = 30_000, everyMs }: EventuallyOptions = {},
): Promise<Exclude<T, false>> {
  const begin = performance.now();
  for (let pauseMs = FIRST_MS; ; pauseMs = Math.min(pauseMs * GROWTH, LAST_MS)) {
    // A check that begins before the limit counts, so at least one does.
    const isLast = performance.now() - begin >= slowMs(withinMs);
    try {
      const seen = await check();
      if (seen !== false) return seen as Exclude<T, false>;
      if (isLast) throw new Error(`not true after ${withinMs} ms: ${String(check)}`);
    } catch (error) {
      if (isLast) throw error;
    }
    await delay(slowMs(everyMs ?? pauseMs));
  }
}
