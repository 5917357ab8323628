import { expect, test } from "@jest/globals";
import { STATE_METRICS } from "../../src/metrics/catalogue.ts";
import { OtelCollector } from "../../src/metrics/otel-collector.ts";
import type { OtelCollectorOptions } from "../../src/metrics/otel-collector.ts";
import type { OwnMetrics } from "../../src/metrics/own-metrics.ts";
import { Scraper } from "../../src/metrics/scrape.ts";
import { SeriesBudget } from "../../src/state/units/series-budget.ts";
import { parseExposition } from "../support/exposition.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { goldenFleet } from "../support/golden-fleet.ts";
import { select } from "../support/otlp-metrics.ts";
import { collected, pushedValues, scrapedValues } from "../support/otlp-points.ts";
import type { Collected } from "../support/otlp-points.ts";
import { ownMetrics } from "../support/own-metrics.ts";
import { recordedFleet } from "../support/recorded-fleet.ts";
import type { RecordedFleet } from "../support/recorded-fleet.ts";
import { serviceSignal, unitSignal } from "../support/systemd-facts.ts";

interface Watched extends RecordedFleet {
  readonly clock: FakeClock;
  readonly own: OwnMetrics;
  readonly collect: () => Promise<Collected>;
}

/** A fleet that begins now, by a clock that tests move, and a collector that began a second ago. */
async function watched(
  temporality: OtelCollectorOptions["temporality"] = "cumulative",
): Promise<Watched> {
  const clock = new FakeClock();
  const series = new SeriesBudget(1_000_000, () => clock.nowNs());
  const recorded = recordedFleet({ series });
  const own = ownMetrics();
  const { fleet } = recorded;
  const collector = new OtelCollector({
    fleet,
    metrics: STATE_METRICS,
    own: own.registry,
    temporality,
    clock,
    lost: () => {},
  });
  await clock.advance(1_000);
  return { ...recorded, clock, own, collect: () => collected(collector) };
}

test("collects the same series as /metrics, under the names of the catalogue", async () => {
  const { fleet } = goldenFleet();
  const own = ownMetrics();
  const metrics = STATE_METRICS;
  const { body } = await new Scraper(fleet, metrics, own.registry).scrape("text");
  const scrape = parseExposition(body.toString("utf8"));
  const { points } = await collected(
    new OtelCollector({
      fleet,
      metrics,
      own: own.registry,
      temporality: "cumulative",
      clock: new FakeClock(),
      lost: () => {},
    }),
  );
  for (const metric of metrics) {
    const pushed = pushedValues(points, metric);
    expect(Object.keys(pushed).length).toBeGreaterThan(0);
    expect({ [metric.name]: pushed }).toEqual({ [metric.name]: scrapedValues(scrape, metric) });
  }
});

test("sends CPU time in whole microseconds, as the collector's receiver does", async () => {
  const { points } = await collected(
    new OtelCollector({
      fleet: goldenFleet().fleet,
      metrics: STATE_METRICS,
      own: ownMetrics().registry,
      temporality: "cumulative",
      clock: new FakeClock(),
      lost: () => {},
    }),
  );
  expect(select(points, "systemd.service.cpu.time")).toMatchObject([
    {
      unit: "us",
      kind: "sum",
      isMonotonic: true,
      value: 123_456,
      attributes: { "systemd.unit.name": "munge.service", "systemd.unit.type": "service" },
    },
  ]);
});

test("gives points the kind, unit and temporality of their metric", async () => {
  const { happens, collect } = await watched();
  happens("start", "web");
  happens("die", "web", { exitCode: "1" });
  const { points } = await collect();
  const [state] = select(points, "container.state", { "container.state": "exited" });
  expect(state).toMatchObject({
    unit: "1",
    kind: "sum",
    isMonotonic: false,
    temporality: "cumulative",
    value: 1,
    scope: { name: "unitwatch", version: "1.2.3" },
  });
  expect(select(points, "container.exits")).toMatchObject([
    {
      unit: "{exit}",
      kind: "sum",
      isMonotonic: true,
      temporality: "cumulative",
      value: 1,
      attributes: {
        "container.name": "web",
        "container.id": expect.stringMatching(/^[\da-f]{64}$/),
        "unitwatch.node": "web",
        "unitwatch.cluster": "dev",
        "process.exit.code": 1,
      },
    },
  ]);
  expect(select(points, "container.start.time")).toMatchObject([{ unit: "s", kind: "gauge" }]);
});

test("keeps each series' start at the time when its container was first watched", async () => {
  const { happens, collect, clock } = await watched();
  const firstNs = clock.nowNs();
  happens("start", "first");
  await clock.advance(5_000);
  const secondNs = clock.nowNs();
  happens("start", "second");
  await clock.advance(5_000);
  const startsOf = async (): Promise<unknown> => {
    const { points, accepted } = await collect();
    accepted();
    return select(points, "container.starts").map((point) => [
      point.attributes["container.name"],
      point.startNs,
      point.timeNs,
      point.value,
    ]);
  };
  const nowNs = clock.nowNs();
  expect(await startsOf()).toEqual([
    ["first", firstNs, nowNs, 1],
    ["second", secondNs, nowNs, 1],
  ]);
  await clock.advance(60_000);
  happens("start", "first");
  expect(await startsOf()).toEqual([
    ["first", firstNs, clock.nowNs(), 2],
    ["second", secondNs, clock.nowNs(), 1],
  ]);
});

test("starts a later exit code when the container was first watched", async () => {
  const { happens, collect, clock } = await watched();
  const beginNs = clock.nowNs();
  happens("start", "web");
  await clock.advance(60_000);
  (await collect()).accepted();
  happens("die", "web", { exitCode: "3" });
  const { points } = await collect();
  expect(select(points, "container.exits")).toMatchObject([{ startNs: beginNs, value: 1 }]);
});

test("stops exporting series that no longer exist", async () => {
  const { fleet, happens, collect } = await watched();
  happens("start", "web");
  happens("start", "other");
  happens("destroy", "web");
  fleet.forgetDestroyed(10n ** 18n);
  const { points } = await collect();
  const names = points.map(({ attributes }) => attributes["container.name"]);
  expect(names).toContain("other");
  expect(names).not.toContain("web");
});

test("starts a series for a re-created container, with the rest of the previous one", async () => {
  const { happens, collect, record, clock } = await watched();
  happens("start", "web");
  const firstId = record("web").identity.id;
  (await collect()).accepted();
  const takenNs = clock.nowNs();
  happens("die", "web", { exitCode: "137" });
  happens("destroy", "web");
  await clock.advance(100);
  const id = "f".repeat(64);
  happens("create", "web", { id });
  happens("start", "web", { id });
  const { points } = await collect();
  expect(points.filter(({ attributes }) => attributes["container.id"] === firstId)).toEqual([]);
  expect(select(points, "container.starts", { "container.id": id })).toMatchObject([
    { value: 1, startNs: takenNs },
  ]);
  expect(select(points, "container.exits", { "container.id": id })).toMatchObject([{ value: 1 }]);
});

test("starts a series for a renamed container that continues the count", async () => {
  const { happens, collect, record } = await watched();
  happens("start", "old");
  const { id } = record("old").identity;
  (await collect()).accepted();
  happens("rename", "new", { id });
  happens("start", "new", { id });
  const { points } = await collect();
  expect(select(points, "container.starts")).toMatchObject([
    { value: 1, attributes: { "container.name": "new", "container.id": id } },
  ]);
});

test("starts units when they are first watched, and continues their counters in a re-created container", async () => {
  const { happens, record, collect, clock } = await watched("delta");
  happens("start", "web");
  await clock.advance(1_000);
  const unit = "a.service";
  let atNs = 1_000_000n;
  const fail = (): void => {
    const { systemd } = record("web");
    if (!systemd.up) {
      systemd.take({ kind: "attached", transport: "dbus", atNs: atNs });
      systemd.take({ kind: "recovered", entries: [] });
      systemd.take({
        kind: "listed",
        rows: [{ name: unit, activeState: "active", subState: "running" }],
        asOfNs: atNs,
      });
    }
    atNs += 1_000n;
    systemd.take(serviceSignal({ unit, result: "signal", restarts: 0, timeNs: atNs }));
    const state = { activeState: "failed", subState: "failed" } as const;
    systemd.take(unitSignal({ unit, ...state, timeNs: atNs, stateChangeNs: atNs }));
  };
  const watchedNs = clock.nowNs();
  fail();
  await clock.advance(1_000);
  const first = await collect();
  expect(select(first.points, "systemd.unit.failures")).toMatchObject([
    {
      value: 1,
      startNs: watchedNs,
      attributes: {
        "systemd.unit.name": unit,
        "systemd.unit.type": "service",
        "systemd.service.result": "signal",
      },
    },
  ]);
  first.accepted();
  happens("destroy", "web");
  const id = "f".repeat(64);
  happens("create", "web", { id });
  const { points } = await collect();
  expect(select(points, "systemd.unit.failures")).toMatchObject([
    { value: 0, attributes: { "container.id": id } },
  ]);
});

test("exports counters and the histogram as unaccepted deltas, and states unchanged", async () => {
  const { happens, collect, own, changes } = await watched("delta");
  const add = (): void => {
    const change = changes.at(-1);
    if (change !== undefined) own.changed(change, change.timeNs + 2_000_000n);
  };
  happens("start", "web");
  add();
  const numbers = (points: Collected["points"]): unknown[] => [
    select(points, "container.starts")[0]?.value,
    select(points, "unitwatch.events", { "unitwatch.event.kind": "container.start" })[0]?.value,
    select(points, "unitwatch.event.lag")[0]?.count,
    select(points, "container.state", { "container.state": "running" })[0]?.value,
  ];
  const first = await collect();
  expect(numbers(first.points)).toEqual([1, 1, 1, 1]);
  // Not accepted: it is in the next.
  happens("start", "web");
  add();
  const second = await collect();
  expect(numbers(second.points)).toEqual([2, 2, 2, 1]);
  second.accepted();
  const third = await collect();
  expect(numbers(third.points)).toEqual([0, 0, 0, 1]);
  const temporalities = Object.groupBy(third.points, ({ temporality = "none" }) => temporality);
  const kinds = new Set(
    temporalities["delta"]?.map(({ kind, isMonotonic }) => `${kind} ${isMonotonic}`),
  );
  expect(kinds).toEqual(new Set(["sum true", "histogram false"]));
  expect(temporalities["cumulative"]?.filter(({ isMonotonic }) => isMonotonic)).toEqual([]);
});

test("exports only the histogram as deltas with lowmemory", async () => {
  const { happens, collect } = await watched("lowmemory");
  happens("start", "web");
  const { points } = await collect();
  const deltas = points.filter(({ temporality }) => temporality === "delta");
  expect(deltas.map(({ name }) => name)).toEqual(["unitwatch.event.lag"]);
});

test("exports the histogram's buckets without accumulation", async () => {
  const { happens, collect, own, changes, clock } = await watched();
  happens("start", "web");
  const [change] = changes;
  if (change === undefined) throw new Error("nothing was exported");
  for (const lagNs of [500_000n, 2_000_000n, 2_100_000n, 90_000_000_000n]) {
    own.changed(change, change.timeNs + lagNs);
  }
  const { points } = await collect();
  const [lag] = select(points, "unitwatch.event.lag");
  expect(lag).toMatchObject({ kind: "histogram", unit: "s", count: 4, timeNs: clock.nowNs() });
  expect(lag?.value).toBeCloseTo(90.0046, 9);
  expect(lag?.bounds?.slice(0, 3)).toEqual([0.001, 0.0025, 0.005]);
  expect(lag?.bucketCounts).toHaveLength((lag?.bounds?.length ?? 0) + 1);
  expect(lag?.bucketCounts?.slice(0, 3)).toEqual([1, 2, 0]);
  expect(lag?.bucketCounts?.at(-1)).toBe(1);
});

test("exports own metrics with a name over OTLP, and none of the client library", async () => {
  const { collect } = await watched();
  const { points } = await collect();
  const names = new Set(points.map(({ name }) => name));
  expect(select(points, "unitwatch.build.info")).toMatchObject([
    { value: 1, attributes: { "service.version": "1.2.3", "vcs.ref.head.revision": "abc" } },
  ]);
  expect(names).toContain("unitwatch.engine.up");
  expect([...names].filter((name) => /^(process|nodejs)/.test(name))).toEqual([]);
});

test("yields a large fleet in slices of some hundred points", async () => {
  const { happens, collect, record } = await watched();
  for (const name of ["a", "b"]) {
    happens("start", name);
    record(name).runsSystemd = true;
    const { systemd } = record(name);
    systemd.take({ kind: "attached", transport: "dbus", atNs: 1n });
    systemd.take({ kind: "recovered", entries: [] });
    const rows = Array.from({ length: 450 }, (_, i) => ({
      name: `unit-${i}.service`,
      activeState: "active" as const,
      subState: "running",
    }));
    systemd.take({ kind: "listed", rows, asOfNs: 2n });
  }
  const { points, slices } = await collect();
  expect(select(points, "systemd.unit.state")).toHaveLength(2 * 450 * 5);
  const sizes = slices.map((slice) =>
    slice.reduce((sum, { data }) => sum + data.dataPoints.length, 0),
  );
  expect(Math.max(...sizes)).toBeLessThanOrEqual(1_500);
  expect(sizes.length).toBeGreaterThan(4);
});
