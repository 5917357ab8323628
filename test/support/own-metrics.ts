import { FakeClock } from "./fake-clock.ts";
import { OwnMetrics } from "../../src/metrics/own-metrics.ts";
import type { OwnMetricsOptions } from "../../src/metrics/own-metrics.ts";

/** Makes the own metrics of a fake build, with idle components. */
export function ownMetrics(options: Partial<OwnMetricsOptions> = {}): OwnMetrics {
  return new OwnMetrics({
    clock: new FakeClock(),
    version: "1.2.3",
    revision: "abc",
    nodeVersion: "v24.0.0",
    engineUp: () => true,
    engineReconnects: () => 0,
    series: () => 0,
    seriesRefused: () => 0,
    logQueue: () => undefined,
    ...options,
  });
}
