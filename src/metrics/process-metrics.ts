import client from "prom-client";

/** Metrics of the client library whose names suggest another type, which linters reject. */
const MISNAMED = [
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
  "nodejs_active_resources_total",
  "nodejs_eventloop_utilization_histogram",
  "nodejs_eventloop_utilization_summary",
];

/**
 * Interval at which the event loop's lag is measured. The library's 10 ms wake the process a hundred
 * times a second, which is most of the cost of an idle process.
 */
const LAG_EVERY_MS = 50;
const LAGS = ["min", "max", "mean", "p50", "p90", "p99"].map(
  (part) => `nodejs_eventloop_lag_${part}_seconds`,
);

/** Registers the client library's metrics of the process and of Node.js. */
export function collectProcessMetrics(register: client.Registry): void {
  client.collectDefaultMetrics({ register, eventLoopMonitoringPrecision: LAG_EVERY_MS });
  for (const name of MISNAMED) register.removeSingleMetric(name);
  for (const name of LAGS) {
    const gauge = register.getSingleMetric(name);
    if (gauge instanceof client.Gauge) withoutInterval(gauge);
  }
}

/** Subtracts the interval: the library reports the time between two measurements, not the lag. */
function withoutInterval(gauge: client.Gauge<string>): void {
  const set = gauge.set.bind(gauge) as (labels: object, seconds: number) => void;
  const setLag = (labels: object, seconds: number): void =>
    set(labels, Math.max(0, seconds - LAG_EVERY_MS / 1_000));
  Object.assign(gauge, { set: setLag });
}
