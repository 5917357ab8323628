import client from "prom-client";
import { STATE_METRICS } from "../../src/metrics/catalogue.ts";
import { Scraper } from "../../src/metrics/scrape.ts";
import { Fleet } from "../../src/state/fleet.ts";
import { SeriesBudget } from "../../src/state/series-budget.ts";

const NODES = 100;
const UNITS = 100;
const STATES = ["active", "activating", "deactivating", "failed", "inactive"] as const;
const ROUNDS = 20;

/** A fleet of 100 nodes with 100 units each: 50,000 series of unit states, and some more. */
function fleet(): Fleet {
  const made = new Fleet({
    events: { changed: () => {}, refused: () => {} },
    admission: { shown: () => true, series: new SeriesBudget(1_000_000) },
    identify: ({ id, name, image }) => ({
      id,
      name,
      image,
      node: name,
      cluster: "bench",
      runtime: "docker",
    }),
  });
  for (let node = 0; node < NODES; node += 1) {
    const id = String(node).padStart(64, "0");
    made.engineEvent({
      action: "start",
      id,
      attributes: new Map([["name", `sind-bench-worker-${node}`]]),
      timeNs: 1_700_000_000_000_000_000n,
    });
    const rows = Array.from({ length: UNITS }, (_, unit) => ({
      name: `some-service-${unit}.service`,
      activeState: "active" as const,
      subState: "running",
    }));
    const record = made.get(id);
    if (record === undefined) throw new Error("no record");
    record.runsSystemd = true;
    record.systemd.attached("dbus", 1n);
    record.systemd.recovered([]);
    record.systemd.snapshot(rows, 2n);
  }
  return made;
}

/** The same series of unit states in the client library. */
function registry(): client.Registry {
  const made = new client.Registry();
  const gauge = new client.Gauge({
    name: "systemd_unit_state",
    help: "1 for the ActiveState that the unit is in, 0 for the others.",
    labelNames: ["container", "node", "cluster", "name", "type", "state"],
    registers: [made],
  });
  for (let node = 0; node < NODES; node += 1) {
    const container = `sind-bench-worker-${node}`;
    for (let unit = 0; unit < UNITS; unit += 1) {
      for (const state of STATES) {
        const name = `some-service-${unit}.service`;
        const labels = {
          container,
          node: container,
          cluster: "bench",
          name,
          type: "service",
          state,
        };
        gauge.set(labels, state === "active" ? 1 : 0);
      }
    }
  }
  return made;
}

/** Milliseconds of each round, and the longest time that the event loop stood still meanwhile. */
async function time(run: () => Promise<unknown>): Promise<{ medianMs: number; stallMs: number }> {
  const times: number[] = [];
  let stallMs = 0;
  let isOver = false;
  let last = performance.now();
  const beat = (): void => {
    const now = performance.now();
    stallMs = Math.max(stallMs, now - last);
    last = now;
    if (!isOver) setImmediate(beat);
  };
  await run();
  last = performance.now();
  setImmediate(beat);
  for (let round = 0; round < ROUNDS; round += 1) {
    const begin = performance.now();
    await run();
    times.push(performance.now() - begin);
  }
  isOver = true;
  return { medianMs: times.toSorted((a, b) => a - b)[ROUNDS / 2] ?? 0, stallMs };
}

const unitState = STATE_METRICS.filter(({ name }) => name === "systemd_unit_state");
const own = new client.Registry();
const scraper = new Scraper(fleet(), unitState, own);
const theirs = registry();
const ours = await time(() => scraper.scrape("text"));
const all = await time(() => new Scraper(fleet(), STATE_METRICS, own).scrape("text"));
const library = await time(() => theirs.metrics());
const round = (value: number): number => Math.round(value * 10) / 10;
console.table({
  "unit states, ours": { ms: round(ours.medianMs), "longest stall, ms": round(ours.stallMs) },
  "all metrics, ours (building included)": {
    ms: round(all.medianMs),
    "longest stall, ms": round(all.stallMs),
  },
  "unit states, client library": {
    ms: round(library.medianMs),
    "longest stall, ms": round(library.stallMs),
  },
});
console.log(`ratio ${round(library.medianMs / ours.medianMs)}`);
