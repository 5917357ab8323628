import { setTimeout as delay } from "node:timers/promises";
import { READING_GROUPS } from "../../src/domain/readings.ts";
import type { Unitwatch } from "../support/unitwatch.ts";
import { percentile, row, type Row, type Section } from "./section.ts";
import { untilAttached } from "./support/attached.ts";
import { startFakePeers } from "./support/fake-peers.ts";
import { useOfTree } from "./support/process-tree.ts";
import { allRenderings, renderings } from "./support/renderings.ts";
import { sumOf } from "./support/sums.ts";

const NODES = 100;
const UNITS = 100;
const SCRAPES = 1_000;
/** Number of scrapes in each compared stretch; the first stretch is not compared. */
const WARM_UP = 200;
const SAMPLE_EVERY = 10;
/** Time limit for slow machines; a figure shows how many scrapes there were. */
const LIMIT_MS = 110_000;
/** Scrapes that query systemd, and the time between them: it is queried once in 5 s. */
const QUERIES = 6;
const QUERY_MS = 5_100;
const GZIP = { headers: { "accept-encoding": "gzip" } };

/** Scrapes of 100 nodes with 100 units each: 50,000 series of unit states, and some more. */
export const section: Section = {
  name: "scrape",
  async run(context) {
    const { ours, library } = await renderings();
    const rows = [
      row("50,000 series, unitwatch", ours.medianMs, "ms"),
      row("50,000 series, the client library", library.medianMs, "ms"),
      row("client library in multiples of unitwatch", library.medianMs / ours.medianMs, "", ">= 5"),
      row("longest stall, unitwatch", ours.stallMs, "ms", "<= 25"),
      row("longest stall, the client library", library.stallMs, "ms"),
    ];
    const all = await allRenderings();
    rows.push(
      row("series of all groups", all.series, ""),
      row("all groups, unitwatch", all.ours.medianMs, "ms"),
      row("all groups, unitwatch, no value changed", all.unchanged.medianMs, "ms"),
      row("all groups, unitwatch, first scrape", all.firstMs, "ms"),
      row("all groups, the client library", all.library.medianMs, "ms"),
      row(
        "all groups, client library in multiples of unitwatch",
        all.library.medianMs / all.ours.medianMs,
        "",
        ">= 10",
      ),
      row(
        "all groups, longest stall",
        Math.max(all.ours.stallMs, all.unchanged.stallMs),
        "ms",
        "<= 25",
      ),
    );
    await using peers = await startFakePeers(context.dir, NODES, UNITS);
    {
      await using unitwatch = await context.watchAt(peers.host);
      await untilAttached(unitwatch, NODES);
      rows.push(...(await many(unitwatch)));
    }
    const collect = `--systemd.collect=${READING_GROUPS.join(",")}`;
    const args = [collect, "--metrics.series-limit=1000000"];
    await using unitwatch = await context.watchAt(peers.host, args);
    await untilAttached(unitwatch, NODES);
    return [...rows, ...(await queried(unitwatch))];
  },
};

/** Measures scrapes that query 10,000 running services for all groups, each as soon as it may. */
async function queried(unitwatch: Unitwatch): Promise<Row[]> {
  const times: number[] = [];
  const stalls: number[] = [];
  for (let round = 0; round < QUERIES; round += 1) {
    await delay(QUERY_MS);
    const start = performance.now();
    await unitwatch.get("/metrics", GZIP);
    times.push(performance.now() - start);
    stalls.push(await stallMs(unitwatch));
  }
  const { text } = await unitwatch.get("/metrics");
  const shown = text.match(/^systemd_unit_memory_current_bytes\{/gm)?.length ?? 0;
  return [
    row("scrape with all queried values, p50", percentile(times, 0.5), "ms"),
    row("scrape with all queried values, slowest", Math.max(...times), "ms"),
    row("longest stall while values are queried", Math.max(...stalls), "ms", "<= 25"),
    row("units with queried values", shown, "", `== ${NODES * UNITS}`),
    row("RSS with all queried values", useOfTree(unitwatch.pid).rssBytes / 1e6, "MB"),
  ];
}

/** Measures many scrapes of all metrics of the process. */
async function many(unitwatch: Unitwatch): Promise<Row[]> {
  const begin = performance.now();
  const times: number[] = [];
  const stalls: number[] = [];
  const sizes: number[] = [];
  while (times.length < SCRAPES && performance.now() - begin < LIMIT_MS) {
    const start = performance.now();
    await unitwatch.get("/metrics", GZIP);
    times.push(performance.now() - start);
    if (times.length % SAMPLE_EVERY === 0) sizes.push(useOfTree(unitwatch.pid).rssBytes / 1e6);
    if (times.length % 50 === 0) stalls.push(await stallMs(unitwatch));
  }
  await delay(1_000);
  // Memory rises and falls with garbage collection, so medians of stretches are compared.
  const stretch = WARM_UP / SAMPLE_EVERY;
  const early = percentile(sizes.slice(stretch, 2 * stretch), 0.5);
  const late = percentile(sizes.slice(-stretch), 0.5);
  return [
    row("scrapes of all metrics", times.length, ""),
    row("each, gzipped, p50", percentile(times, 0.5), "ms"),
    row("each, gzipped, p99", percentile(times, 0.99), "ms"),
    row("longest stall during scrapes", Math.max(...stalls), "ms", "<= 25"),
    row("RSS during scrapes, p50 of the last", late, "MB"),
    row(`RSS growth, second ${WARM_UP} scrapes to last ${WARM_UP}`, late - early, "MB", "<= 10"),
  ];
}

/** Returns the longest stall since the last call, from the process's own metric. */
async function stallMs(unitwatch: Unitwatch): Promise<number> {
  await unitwatch.get("/metrics");
  const { text } = await unitwatch.get("/metrics");
  return sumOf(text, "nodejs_eventloop_lag_max_seconds") * 1_000;
}
