import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import { expect, test } from "@jest/globals";
import client from "prom-client";
import { LoopLag } from "../../src/metrics/loop-lag.ts";
import { collectProcessMetrics } from "../../src/metrics/process-metrics.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** Metrics of the client library that are left out. */
const MISNAMED = new Set([
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
  "nodejs_active_resources_total",
  "nodejs_eventloop_utilization_histogram",
  "nodejs_eventloop_utilization_summary",
]);

/** Reads the client library's own metrics in a thread, whose end ends their timers. */
async function ofTheLibrary(): Promise<unknown> {
  const script = `
    const { parentPort } = require("node:worker_threads");
    const client = require("prom-client");
    client.collectDefaultMetrics();
    client.register.getMetricsAsJSON().then((metrics) => parentPort.postMessage(metrics));`;
  const thread = new Worker(script, { eval: true });
  try {
    const [metrics] = (await once(thread, "message")) as [Metric[]];
    return shapes(metrics.filter(({ name }) => !MISNAMED.has(name)));
  } finally {
    await thread.terminate();
  }
}

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: unknown;
  readonly values: readonly { readonly labels: object; readonly value: number }[];
}

/** Labels whose values differ between two moments. */
const CHANGING = /^nodejs_(?:active_|gc_)/;

function shapes(metrics: readonly Metric[]): unknown[] {
  return metrics
    .map(({ name, help, type, values }) => ({
      name,
      help,
      type,
      labels: CHANGING.test(name) ? [] : values.map(({ labels }) => labels),
    }))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

async function collected(): Promise<readonly Metric[]> {
  const registry = new client.Registry();
  using _observer = collectProcessMetrics(registry, new LoopLag(new FakeClock()));
  return registry.getMetricsAsJSON();
}

test("has the names, help, types and labels of the client library", async () => {
  expect(shapes(await collected())).toEqual(await ofTheLibrary());
});

test("reads the process when it is scraped", async () => {
  const metrics = new Map((await collected()).map(({ name, values }) => [name, values]));
  const of = (name: string): number => metrics.get(name)?.[0]?.value ?? Number.NaN;
  const { user, system } = process.cpuUsage();
  expect(of("process_cpu_seconds_total")).toBeGreaterThan(0);
  expect(of("process_cpu_seconds_total")).toBeLessThanOrEqual((user + system) / 1e6);
  const startSeconds = Date.now() / 1_000 - process.uptime();
  expect(Math.abs(of("process_start_time_seconds") - startSeconds)).toBeLessThan(2);
  expect(of("process_resident_memory_bytes")).toBeGreaterThan(20e6);
  expect(of("process_virtual_memory_bytes")).toBeGreaterThan(of("process_resident_memory_bytes"));
  expect(of("process_open_fds")).toBeGreaterThan(2);
  expect(of("process_max_fds")).toBeGreaterThan(of("process_open_fds"));
  expect(of("nodejs_heap_size_used_bytes")).toBeGreaterThan(1e6);
  expect(metrics.get("nodejs_active_handles")?.length).toBeGreaterThan(0);
  for (const [name, values] of metrics) {
    expect([name, values.every(({ value }) => Number.isFinite(value))]).toEqual([name, true]);
  }
});

test("counts each garbage collection by kind", async () => {
  const registry = new client.Registry();
  using _observer = collectProcessMetrics(registry, new LoopLag(new FakeClock()));
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const count = async (): Promise<number> => {
    const metric = (await registry.getSingleMetric("nodejs_gc_duration_seconds")?.get()) as
      | { readonly values: readonly { labels: object; metricName?: string; value: number }[] }
      | undefined;
    const found = metric?.values.find(
      ({ labels, metricName }) =>
        metricName?.endsWith("_count") === true && "kind" in labels && labels.kind === "major",
    );
    return found?.value ?? 0;
  };
  const before = await count();
  for (let round = 0; round < 3; round += 1) collect();
  while ((await count()) < before + 3) await setImmediate();
  expect(await count()).toBeGreaterThanOrEqual(before + 3);
});

test("has no counter's name for another type", async () => {
  const counters = (await collected()).filter(({ name }) => name.endsWith("_total"));
  expect(counters.map(({ name, type }) => [name, type])).toEqual(
    counters.map(({ name }) => [name, "counter"]),
  );
});
