import { CONTAINER_METRICS } from "./container-metrics.ts";
import type { StateMetric } from "./metric.ts";
import { SYSTEMD_METRICS } from "./systemd-metrics.ts";

/** Every metric that is read from the state, in the order of the exposition. */
export const STATE_METRICS: readonly StateMetric[] = [...CONTAINER_METRICS, ...SYSTEMD_METRICS];

/** Those of them that are shown. Where systemd isn't to be watched, nothing says that it can't be. */
export function shownMetrics(watchesSystemd: boolean): readonly StateMetric[] {
  return watchesSystemd ? STATE_METRICS : CONTAINER_METRICS;
}
