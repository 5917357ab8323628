import { setImmediate as nextTurn } from "node:timers/promises";
import client from "prom-client";
import { noReading } from "../../../src/domain/readings.ts";
import { STATE_METRICS } from "../../../src/metrics/catalogue.ts";
import { Scraper } from "../../../src/metrics/scrape.ts";
import { Fleet } from "../../../src/state/fleet.ts";
import { SeriesBudget } from "../../../src/state/units/series-budget.ts";
import { parseExposition, type Sample } from "../../support/exposition.ts";

const NODES = 100;
const UNITS = 100;
const STATES = ["active", "activating", "deactivating", "failed", "inactive"] as const;
const ROUNDS = 20;
/** Rounds of all groups: there are six times as many series. */
const FEWER_ROUNDS = 4;

/** Makes a fleet of 100 nodes with 100 units each: 50,000 series of unit states, and some more. */
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
    record.systemd.take({ kind: "attached", transport: "dbus", atNs: 1n });
    record.systemd.take({ kind: "recovered", entries: [] });
    record.systemd.take({ kind: "listed", rows, asOfNs: 2n });
  }
  return made;
}

/** Makes a registry of the client library with the same series of unit states. */
function registry(): client.Registry {
  const made = new client.Registry();
  const gauge = new client.Gauge({
    name: "systemd_unit_state",
    help: "1 for the unit's ActiveState, 0 for the others.",
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

/**
 * CPU time of a rendering, and the most of it between two turns of the event loop: its longest stall.
 * Other processes of the machine don't change them.
 */
export interface Rendering {
  readonly medianMs: number;
  readonly stallMs: number;
}

async function time(
  run: () => Promise<unknown>,
  { rounds = ROUNDS, prepare }: { rounds?: number; prepare?: () => Promise<void> } = {},
): Promise<Rendering> {
  for (let round = 0; round < rounds / 4; round += 1) await run();
  const times: number[] = [];
  const stopped = new AbortController();
  const stall = longestTurn(stopped.signal);
  for (let round = 0; round < rounds; round += 1) {
    await prepare?.();
    await nextTurn();
    const before = process.threadCpuUsage();
    await run();
    times.push(cpuMs(before));
    await nextTurn();
  }
  stopped.abort();
  const medianMs = times.toSorted((a, b) => a - b)[rounds / 2] ?? Number.NaN;
  return { medianMs, stallMs: await stall };
}

/** Returns the most CPU time between two turns of the event loop, until `signal` aborts. */
async function longestTurn(signal: AbortSignal): Promise<number> {
  let longestMs = 0;
  while (!signal.aborted) {
    const before = process.threadCpuUsage();
    await nextTurn();
    longestMs = Math.max(longestMs, cpuMs(before));
  }
  return longestMs;
}

function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.threadCpuUsage(since);
  return (user + system) / 1_000;
}

/** Our rendering, and the client library's of the same series. */
export interface Renderings {
  readonly series: number;
  readonly ours: Rendering;
  readonly library: Rendering;
}

/** Renders the 50,000 series with our code and with the client library, in this process. */
export async function renderings(): Promise<Renderings> {
  const unitState = STATE_METRICS.filter(({ name }) => name === "systemd_unit_state");
  const scraper = new Scraper(fleet(), unitState, new client.Registry());
  const theirs = registry();
  // Released as after a response.
  const ours = await time(async () => (await scraper.scrape("text")).release());
  const library = await time(() => theirs.metrics());
  return { series: NODES * UNITS * STATES.length, ours, library };
}

/** Renderings of all groups. */
export interface AllRenderings extends Renderings {
  /** Ours, of a scraper that has rendered nothing before. */
  readonly firstMs: number;
  /** Ours, when no value has changed. */
  readonly unchanged: Rendering;
}

/**
 * Renders all metrics of the same units, with a value of every group, in both ways. Before each of our
 * renderings all values change that do so in a service that runs.
 */
export async function allRenderings(): Promise<AllRenderings> {
  const fleet = queriedFleet();
  const newScraper = (): Scraper => new Scraper(fleet, STATE_METRICS, new client.Registry());
  const scraper = newScraper();
  const first = await scraper.scrape("text");
  const { samples } = parseExposition(first.body.toString());
  first.release();
  const run = async (): Promise<void> => (await scraper.scrape("text")).release();
  const unchanged = await time(run);
  const ours = await time(run, { prepare: () => useMore(fleet) });
  const { medianMs: firstMs } = await time(async () =>
    (await newScraper().scrape("text")).release(),
  );
  const theirs = registryOf(samples);
  const library = await time(() => theirs.metrics(), { rounds: FEWER_ROUNDS });
  return { series: samples.length, ours, firstMs, unchanged, library };
}

/** Lets each unit use more than at the last query, in turns of the event loop that are no stall. */
async function useMore(fleet: Fleet): Promise<void> {
  for (const { systemd } of fleet.containers()) {
    await nextTurn();
    for (const unit of systemd.units.values()) {
      const { reading } = unit;
      if (reading === undefined) continue;
      unit.reading = {
        ...reading,
        tasks: 10 - (reading.tasks ?? 0),
        cpuSeconds: (reading.cpuSeconds ?? 0) + 0.123457,
        memory: (reading.memory ?? 0) + 4_096,
        memoryPeak: (reading.memoryPeak ?? 0) + 4_096,
        readBytes: (reading.readBytes ?? 0) + 4_096,
        writtenBytes: (reading.writtenBytes ?? 0) + 8_192,
        ingressBytes: (reading.ingressBytes ?? 0) + 777,
        ingressPackets: (reading.ingressPackets ?? 0) + 3,
        egressBytes: (reading.egressBytes ?? 0) + 555,
        egressPackets: (reading.egressPackets ?? 0) + 2,
      };
    }
  }
}

/** Makes the fleet, of whose units all groups were queried. */
function queriedFleet(): Fleet {
  const made = fleet();
  for (const { systemd } of made.containers()) {
    systemd.manager.answersQueries = true;
    for (const unit of systemd.units.values()) {
      unit.reading = {
        ...noReading(),
        tasks: 4,
        tasksMax: 4_915,
        cpuSeconds: 0.123456,
        memory: 1_048_576,
        memoryPeak: 2_097_152,
        readBytes: 4_096,
        writtenBytes: 8_192,
        ingressBytes: 100,
        ingressPackets: 2,
        egressBytes: 60,
        egressPackets: 1,
        activeEnter: 1_767_225_601.25,
        activeExit: 0,
        inactiveEnter: 0,
        inactiveExit: 1_767_225_601.125,
        subtype: "notify",
        exitStatus: 0,
        conditionTime: 1_767_225_601,
        isConditionMet: true,
      };
    }
  }
  return made;
}

/** Makes a registry of the client library with the same series. */
function registryOf(samples: readonly Sample[]): client.Registry {
  const made = new client.Registry();
  for (const [name, family] of Map.groupBy(samples, ({ name }) => name)) {
    const labelNames = [...new Set(family.flatMap(({ labels }) => Object.keys(labels)))];
    const gauge = new client.Gauge({ name, help: name, labelNames, registers: [made] });
    for (const { labels, value } of family) gauge.set(labels, value);
  }
  return made;
}
