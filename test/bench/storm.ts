import { loadavg } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { TestNode } from "../support/engine/node.ts";
import { percentile, row, type Section } from "./section.ts";
import { untilAttached } from "./support/attached.ts";
import { BusLag } from "./support/bus-lag.ts";
import { inBuckets, lagsBetween, quantile } from "./support/lag-histogram.ts";
import { useOfTree } from "./support/process-tree.ts";
import { prepareStorm, startStorm, stopStorm, stormCounts } from "./support/storm-units.ts";
import { sumOf } from "./support/sums.ts";

const NODES = 5;
const UNITS = 20;
const SECONDS = 60;
/** Duration of the storm without unitwatch, when only the nodes' own buses are watched. */
const BUS_SECONDS = 20;
const SCRAPE_EVERY_MS = 1_000;
const SETTLE_MS = 2_000;

/** Services that crash as fast as systemd starts them; every crash must be counted. */
export const section: Section = {
  name: "storm",
  async run(context) {
    const nodes = await context.nodes(NODES);
    await prepareStorm(nodes, UNITS);
    const before = await stormCounts(nodes);
    await using unitwatch = await context.watch(NODES);
    await untilAttached(unitwatch, NODES);
    await delay(SETTLE_MS);
    const first = (await unitwatch.get("/metrics")).text;
    const cpuBefore = useOfTree(unitwatch.pid).cpuSeconds;

    await startStorm(nodes);
    const begin = performance.now();
    const scrapes: number[] = [];
    const loopLags: number[] = [];
    while (performance.now() - begin < SECONDS * 1_000) {
      const start = performance.now();
      const { text } = await unitwatch.get("/metrics");
      scrapes.push(performance.now() - start);
      loopLags.push(sumOf(text, "nodejs_eventloop_lag_p99_seconds") * 1_000);
      await delay(SCRAPE_EVERY_MS);
    }
    const last = (await unitwatch.get("/metrics")).text;
    const seconds = (performance.now() - begin) / 1_000;
    const use = useOfTree(unitwatch.pid);
    const load = loadavg()[0] ?? Number.NaN;
    await stopStorm(nodes);

    const after = await stormCounts(nodes);
    const shown = (await unitwatch.get("/metrics")).text;
    const truth = (what: "failures" | "restarts"): number => after[what] - before[what];
    const counted = (name: string): number => sumOf(shown, name) - sumOf(first, name);
    await unitwatch.stop();
    const lags = lagsBetween(first, last);
    const busLags = inBuckets(await busLagsOf(nodes), lags);
    const events = sumOf(last, "unitwatch_events_total") - sumOf(first, "unitwatch_events_total");
    const cpu = use.cpuSeconds - cpuBefore;
    return [
      row("changes in the storm", events / seconds, "/s"),
      row("lag in the storm, p50", quantile(lags, 0.5), "ms"),
      row("lag in the storm, p99", quantile(lags, 0.99), "ms"),
      // Our part of the lag: the rest passes before the bytes arrive.
      row("of it the event loop's, p99", percentile(loopLags, 0.99), "ms"),
      row("lag at the nodes' own buses, unwatched, p50", quantile(busLags, 0.5), "ms"),
      row("lag at the nodes' own buses, unwatched, p99", quantile(busLags, 0.99), "ms"),
      row(
        "lag in the storm, p99, by that of the buses",
        quantile(lags, 0.99) / quantile(busLags, 0.99),
        "",
        "<= 1.3",
      ),
      row("processes that want a processor", load, ""),
      row("failures in the journals", truth("failures"), ""),
      row(
        "failures not counted",
        truth("failures") - counted("systemd_unit_failures_total"),
        "",
        "== 0",
      ),
      row("restarts in the journals", truth("restarts"), ""),
      row(
        "restarts not counted",
        truth("restarts") - counted("systemd_service_restart_total"),
        "",
        "== 0",
      ),
      row("CPU in the storm, of a core", (cpu / seconds) * 100, "%"),
      row("CPU of a change", (cpu / events) * 1e6, "µs"),
      row("RSS in the storm", use.rssBytes / 1e6, "MB"),
      row("scrape in the storm, p50", percentile(scrapes, 0.5), "ms"),
      row("scrape in the storm, p99", percentile(scrapes, 0.99), "ms"),
    ];
  },
};

/** Measures the lag of the same storm at the buses; returns that of each change in ms. */
async function busLagsOf(nodes: readonly TestNode[]): Promise<readonly number[]> {
  using lag = await BusLag.open(nodes);
  await startStorm(nodes);
  await delay(BUS_SECONDS * 1_000);
  await stopStorm(nodes);
  return lag.lagsMs;
}
