import type { Clock } from "../../domain/clock.ts";

/** Resolves when `work` has, and after `ms` milliseconds at the latest, whatever becomes of it then. */
export async function atMost(ms: number, clock: Clock, work: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  using _limit = clock.setTimeout(resolve, ms);
  await Promise.race([work, promise]);
}
