import { CONTAINER_METRICS } from "./container-metrics.ts";
import type { StateMetric } from "./metric.ts";
import { SYSTEMD_METRICS } from "./systemd-metrics.ts";

/** All metrics that are read from the state, in the order of the exposition. */
export const STATE_METRICS: readonly StateMetric[] = [...CONTAINER_METRICS, ...SYSTEMD_METRICS];

/** Returns the metrics that are shown: without a systemd watch, none of `unitwatch_systemd_…`. */
export function shownMetrics(watchesSystemd: boolean): readonly StateMetric[] {
  return watchesSystemd ? STATE_METRICS : CONTAINER_METRICS;
}
