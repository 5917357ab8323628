import { expect, test } from "@jest/globals";
import client from "prom-client";
import { collectProcessMetrics } from "../../src/metrics/process-metrics.ts";

test("reports the lag of the event loop without the interval of measurement", async () => {
  const registry = new client.Registry();
  collectProcessMetrics(registry);
  const gauge = registry.getSingleMetric(
    "nodejs_eventloop_lag_p50_seconds",
  ) as client.Gauge<string>;
  gauge.set({}, 0.06);
  const [sample] = (await gauge.get()).values;
  expect(sample?.value).toBeCloseTo(0.01);
  gauge.set({}, 0.04);
  expect((await gauge.get()).values[0]?.value).toBe(0);
});

test("omits metrics that are named like another type", () => {
  const registry = new client.Registry();
  collectProcessMetrics(registry);
  const counters = registry.getMetricsAsArray().filter(({ name }) => name.endsWith("_total"));
  expect(counters.map(({ name, type }) => [name, type])).toEqual(
    counters.map(({ name }) => [name, "counter"]),
  );
});
