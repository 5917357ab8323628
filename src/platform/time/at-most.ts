import type { Clock } from "../../domain/clock.ts";

/** Returns the result of `work`, or undefined after `ms` milliseconds. Ignores `work` from then on. */
export async function atMost<T>(
  ms: number,
  clock: Pick<Clock, "setTimeout">,
  work: Promise<T>,
): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  using _limit = clock.setTimeout(() => late.resolve(undefined), ms);
  return await Promise.race([work, late.promise]);
}
