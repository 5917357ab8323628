/** Upper bound of a bucket in ms, and the changes up to it. */
export type LagBucket = readonly [upToMs: number, changes: number];

/** Returns the lags of the changes between two scrapes. */
export function lagsBetween(first: string, last: string): LagBucket[] {
  const bucket = /^unitwatch_event_lag_seconds_bucket\{le="([^"]+)"\} (\d+)$/gm;
  const before = new Map([...first.matchAll(bucket)].map(([, le, count]) => [le, Number(count)]));
  return [...last.matchAll(bucket)].map(([, le, count]) => [
    le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le) * 1_000,
    Number(count) - (before.get(le) ?? 0),
  ]);
}

/** Puts lags into the same buckets, so that both are read with the same precision. */
export function inBuckets(lagsMs: readonly number[], like: readonly LagBucket[]): LagBucket[] {
  return like.map(([upToMs]) => [upToMs, lagsMs.filter((lagMs) => lagMs <= upToMs).length]);
}

/** Returns a percentile in ms, interpolated as histogram_quantile() of Prometheus does. */
export function quantile(buckets: readonly LagBucket[], part: number): number {
  const wanted = part * (buckets.at(-1)?.[1] ?? 0);
  let [lower, below] = [0, 0];
  for (const [upToMs, changes] of buckets) {
    if (changes >= wanted && changes > below) {
      if (upToMs === Number.POSITIVE_INFINITY) return lower;
      return lower + (upToMs - lower) * ((wanted - below) / (changes - below));
    }
    [lower, below] = [upToMs, changes];
  }
  return Number.NaN;
}
