/*
 * metrics/ defines every metric, and renders them for a scrape and for OTLP. It may import domain,
 * platform and state; it reads state on request and never changes it.
 *
 * Add a metric of containers in container-metrics.ts, of what they use in usage-metrics.ts, of units in systemd-metrics.ts, of what
 * --systemd.collect selects in reading-metrics.ts or manager-metrics.ts, and of unitwatch itself in
 * own-metrics.ts, with its OTLP name in own-instruments.ts. `npm run docs` writes it into the
 * documentation, UPDATE_GOLDEN=1 into the golden scrape of the tests.
 *
 * scrape.ts with exposition.ts writes text, in which line-copier.ts repeats lines of the last scrape; otel-collector.ts with slice-builder.ts makes OTLP points,
 * and counter-ledger.ts keeps what the receiver has of each counter.
 */
import type { ReadingGroup } from "../domain/readings.ts";
import { CONTAINER_METRICS } from "./container-metrics.ts";
import type { StateMetric } from "./metric.ts";
import { READING_METRICS } from "./reading-metrics.ts";
import { SYSTEMD_METRICS } from "./systemd-metrics.ts";
import { USAGE_METRICS } from "./usage-metrics.ts";

/** All metrics that are read from the state, in the order of the exposition. */
export const STATE_METRICS: readonly StateMetric[] = [
  ...CONTAINER_METRICS,
  ...USAGE_METRICS,
  ...SYSTEMD_METRICS,
  ...READING_METRICS,
];

/** Returns the metrics that are shown: without a systemd watch, those of containers alone. */
export function shownMetrics(shown: {
  /** True if some systemd is watched. */
  readonly isWatched: boolean;
  readonly groups: ReadonlySet<ReadingGroup>;
  /** True if what containers use is queried. */
  readonly hasUsage: boolean;
}): readonly StateMetric[] {
  const { isWatched, groups, hasUsage } = shown;
  const containers = [...CONTAINER_METRICS, ...(hasUsage ? USAGE_METRICS : [])];
  if (!isWatched) return containers;
  const readings = READING_METRICS.filter(({ group }) => groups.has(group));
  return [...containers, ...SYSTEMD_METRICS, ...readings];
}
