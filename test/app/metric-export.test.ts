import { expect, test } from "@jest/globals";
import { openMetricExport } from "../../src/app/metric-export.ts";
import { parseConfig } from "../../src/config/parse-config.ts";
import { EventBus } from "../../src/state/event-bus.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { httpEndpoint } from "../support/http-endpoint.ts";
import { decodeOtlpMetrics, select } from "../support/otlp-metrics.ts";
import { ownMetrics } from "../support/own-metrics.ts";
import { recordedFleet } from "../support/recorded-fleet.ts";
import { SeriesBudget } from "../../src/state/units/series-budget.ts";
import { recordedLog } from "../support/recorded-log.ts";

async function started(env: Readonly<Record<string, string>>, args: readonly string[] = []) {
  const parsed = parseConfig(["--storage.path=", ...args], env);
  if (parsed.kind !== "run") throw new Error(`parsed as ${parsed.kind}`);
  const clock = new FakeClock();
  const { log, lines } = recordedLog(clock);
  const end = new AbortController();
  const own = ownMetrics();
  const { fleet, happens } = recordedFleet();
  happens("start", "web");
  const push = await openMetricExport({
    config: parsed.config,
    store: { folder: undefined },
    hostName: () => "lab-1",
    fleet,
    series: new SeriesBudget(0),
    refresh: async () => {},
    own,
    bus: new EventBus(log),
    clock,
    log,
    signal: end.signal,
  });
  /** Values by the labels other than `signal="metrics"`. */
  const counted = async (name: string): Promise<unknown[]> => {
    const values = (await own.registry.getSingleMetric(name)?.get())?.values ?? [];
    return values
      .filter(({ labels }) => "signal" in labels && labels["signal"] === "metrics")
      .map(({ labels, value }) => ("reason" in labels ? [labels["reason"], value] : value));
  };
  return { push, end, clock, counted, lines };
}

test("sends nothing and has no timer when no endpoint is configured or export is off", async () => {
  await using endpoint = await httpEndpoint();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint.url };
  for (const { push, clock, end } of [
    await started({}),
    await started(env, ["--otlp.metrics=off"]),
    await started({ ...env, OTEL_SDK_DISABLED: "true" }),
  ]) {
    expect(clock.pendingTimers).toBe(0);
    end.abort();
    await push[Symbol.asyncDispose]();
  }
  expect(endpoint.requests).toEqual([]);
});

test("pushes metrics at each interval and once more at the end", async () => {
  await using endpoint = await httpEndpoint();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint.url };
  const { push, clock, end, counted } = await started(env, ["--otlp.interval=10s"]);
  await clock.advance(10_000);
  await endpoint.received(1);
  end.abort();
  await push[Symbol.asyncDispose]();
  const posted = endpoint.requests.map(
    ({ path, body }) => [path, decodeOtlpMetrics(body)] as const,
  );
  expect(posted.map(([path]) => path)).toEqual(["/v1/metrics", "/v1/metrics"]);
  for (const [, points] of posted) {
    expect(select(points, "container.starts", { "container.name": "web" })).toMatchObject([
      { value: 1, resource: { "service.name": "unitwatch" } },
    ]);
  }
  const sum = posted.reduce((total, [, points]) => total + points.length, 0);
  expect(await counted("unitwatch_otlp_exported_total")).toEqual([sum]);
  expect(clock.pendingTimers).toBe(0);
});

test("counts by reason and logs when the endpoint rejects metrics", async () => {
  await using endpoint = await httpEndpoint(400);
  const env = { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: endpoint.url };
  const { push, end, counted, lines } = await started(env);
  end.abort();
  await push[Symbol.asyncDispose]();
  expect(await counted("unitwatch_otlp_exported_total")).toEqual([0]);
  const failures = await counted("unitwatch_otlp_failures_total");
  expect(failures).toEqual([[expect.stringMatching(/400/), 1]]);
  expect(lines).toEqual([expect.stringMatching(/^level=warn msg="metric export failed" reason=/)]);
});
