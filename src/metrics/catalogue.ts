import { CONTAINER_METRICS } from "./container-metrics.ts";
import type { StateMetric } from "./metric.ts";
import { SYSTEMD_METRICS } from "./systemd-metrics.ts";

/** Every metric that is read from the state, in the order of the exposition. */
export const STATE_METRICS: readonly StateMetric[] = [...CONTAINER_METRICS, ...SYSTEMD_METRICS];
