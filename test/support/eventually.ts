import { setTimeout as delay } from "node:timers/promises";

export interface EventuallyOptions {
  /** How long it may take to become so. Default 10,000. */
  readonly withinMs?: number;
  /** From one look to the next, where nothing tells that it's time. Default 25. */
  readonly everyMs?: number;
}

/**
 * Looks again and again until `check` neither throws nor gives false; gives what it gave then. At
 * the deadline throws what the last look threw. For what tells nobody that it has happened.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { withinMs = 30_000, everyMs = 25 }: EventuallyOptions = {},
): Promise<Exclude<T, false>> {
  const end = performance.now() + withinMs;
  for (;;) {
    // A look that began before the deadline counts; at least one does.
    const isLast = performance.now() >= end;
    try {
      const seen = await check();
      if (seen !== false) return seen as Exclude<T, false>;
      if (isLast) throw new Error(`not so after ${withinMs} ms: ${String(check)}`);
    } catch (error) {
      if (isLast) throw error;
    }
    await delay(everyMs);
  }
}
