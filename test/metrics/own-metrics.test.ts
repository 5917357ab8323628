import { expect, test } from "@jest/globals";
import type { MonitorChange } from "../../src/domain/change.ts";
import { EventKind } from "../../src/domain/event.ts";
import type { OwnMetrics } from "../../src/metrics/own-metrics.ts";
import { Scraper } from "../../src/metrics/scrape.ts";
import { parseExposition } from "../support/exposition.ts";
import type { Scrape } from "../support/exposition.ts";
import { ownMetrics } from "../support/own-metrics.ts";
import { recordedFleet } from "../support/recorded-fleet.ts";

async function scraped(own: OwnMetrics): Promise<Scrape> {
  const { body } = await new Scraper(recordedFleet().fleet, [], own.registry).scrape("text");
  return parseExposition(body.toString("utf8"));
}

const LOST: MonitorChange = {
  kind: "monitor.lost",
  node: "",
  container: "",
  unit: "",
  timeNs: 1_700_000_000_123_456_789n,
  detail: "",
  identity: undefined,
  recovered: false,
};

test("has the series of counters at 0 from the start", async () => {
  const scrape = await scraped(ownMetrics());
  const kinds = Object.values(EventKind).map((kind) => [kind, 0]);
  expect(scrape.by("kind", "unitwatch_events_total")).toEqual(Object.fromEntries(kinds));
  expect(scrape.by("source", "unitwatch_parse_errors_total")).toEqual({
    docker: 0,
    inspect: 0,
    systemd: 0,
  });
  expect(scrape.value("unitwatch_event_lag_seconds_count")).toBe(0);
});

test("counts changes by kind, with their lag", async () => {
  const own = ownMetrics();
  own.changed(LOST, LOST.timeNs + 3_000_000n);
  own.changed(LOST, LOST.timeNs - 5_000_000n);
  own.changed({ ...LOST, recovered: true }, LOST.timeNs + 60_000_000_000n);
  const scrape = await scraped(own);
  expect(scrape.value("unitwatch_events_total", { kind: "monitor.lost" })).toBe(3);
  expect(scrape.value("unitwatch_recovered_changes_total", { kind: "monitor.lost" })).toBe(1);
  expect(scrape.value("unitwatch_event_lag_seconds_count")).toBe(2);
  expect(scrape.value("unitwatch_event_lag_seconds_sum")).toBeCloseTo(0.003, 9);
  expect(scrape.value("unitwatch_event_lag_seconds_bucket", { le: "0.0025" })).toBe(1);
  expect(scrape.value("unitwatch_event_lag_seconds_bucket", { le: "0.005" })).toBe(2);
  expect(scrape.value("unitwatch_event_lag_seconds_bucket", { le: "+Inf" })).toBe(2);
  expect(scrape.value("unitwatch_last_event_timestamp_seconds")).toBe(1_700_000_000.123456);
});

test("counts drops and faults by stage and source", async () => {
  const own = ownMetrics();
  own.dropped("unit_table");
  own.dropped("otlp_queue", 7);
  own.dropped("otlp_queue");
  own.parseError("docker");
  own.exported("logs", 512);
  own.exportFailed("logs", "export");
  const scrape = await scraped(own);
  expect(scrape.by("stage", "unitwatch_dropped_total")).toEqual({ unit_table: 1, otlp_queue: 8 });
  expect(scrape.value("unitwatch_parse_errors_total", { source: "docker" })).toBe(1);
  expect(scrape.value("unitwatch_otlp_exported_total", { signal: "logs" })).toBe(512);
  expect(scrape.value("unitwatch_otlp_failures_total", { signal: "logs", reason: "export" })).toBe(
    1,
  );
});

test("reads gauges of other parts at each scrape", async () => {
  let up = true;
  let reconnects = 0;
  const own = ownMetrics({ engineUp: () => up, engineReconnects: () => reconnects });
  const read = async (): Promise<unknown[]> => {
    const scrape = await scraped(own);
    return [scrape.value("unitwatch_engine_up"), scrape.value("unitwatch_engine_reconnects_total")];
  };
  expect(await read()).toEqual([1, 0]);
  up = false;
  reconnects = 3;
  expect(await read()).toEqual([0, 3]);
  expect(await read()).toEqual([0, 3]);
});

test("shows the queue of log records, and 0 without one", async () => {
  const names = ["records", "bytes", "durable"].map((name) => `unitwatch_otlp_queue_${name}`);
  const read = async (own: OwnMetrics): Promise<unknown[]> => {
    const scrape = await scraped(own);
    return names.map((name) => scrape.value(name));
  };
  const state = { records: 3, bytes: 2_100, durable: true };
  expect(await read(ownMetrics({ logQueue: () => state }))).toEqual([3, 2_100, 1]);
  expect(await read(ownMetrics({ logQueue: () => ({ ...state, durable: false }) }))).toEqual([
    3, 2_100, 0,
  ]);
  expect(await read(ownMetrics())).toEqual([0, 0, 0]);
});

test("shows the build and the process, without names that linters reject", async () => {
  const scrape = await scraped(ownMetrics());
  expect(
    scrape.value("unitwatch_build_info", {
      version: "1.2.3",
      revision: "abc",
      node_version: "v24.0.0",
    }),
  ).toBe(1);
  expect(scrape.value("process_cpu_seconds_total")).toBeGreaterThan(0);
  expect(scrape.select("nodejs_version_info")).toHaveLength(1);
  expect(scrape.text).not.toMatch(/^# TYPE \S+_total gauge$/m);
});

test("uses a registry of its own", async () => {
  const [one, other] = [ownMetrics(), ownMetrics()];
  one.parseError("docker");
  expect((await scraped(other)).value("unitwatch_parse_errors_total", { source: "docker" })).toBe(
    0,
  );
});
