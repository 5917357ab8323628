import { setTimeout as delay } from "node:timers/promises";
import type { Unitwatch } from "../support/unitwatch.ts";
import { type BenchContext, row, type Row, type Section } from "./section.ts";
import { untilAttached, watchedNodes } from "./support/attached.ts";
import { startFakePeers } from "./support/fake-peers.ts";
import { useOfTree } from "./support/process-tree.ts";
import { sumOf } from "./support/sums.ts";

const SIZES = [20, 100, 500, 1_000];
const UNITS = 100;
/** Admits every series: a thousand nodes have four times the default limit. */
const ALL_SERIES = "--metrics.series-limit=2000000";
const SETTLE_MS = 2_000;
const HOLD_SECONDS = 10;
const CRASHES_A_SECOND = 200;

/** Fleets of many fake nodes that speak the real protocols over a socket. */
export const section: Section = {
  name: "fleet",
  async run(context) {
    const rows: Row[] = [];
    const megabytes = new Map<number, number>();
    for (const size of SIZES) {
      context.progress(`${size} fake nodes`);
      await using peers = await startFakePeers(context.dir, size, UNITS);
      const begin = performance.now();
      await using unitwatch = await context.watchAt(peers.host, [ALL_SERIES]);
      await untilAttached(unitwatch, size);
      const seconds = (performance.now() - begin) / 1_000;
      await delay(SETTLE_MS);
      megabytes.set(size, useOfTree(unitwatch.pid).rssBytes / 1e6);
      const limit = size === 1_000 ? "<= 30" : undefined;
      rows.push(row(`attach, ${size} fake nodes`, seconds, "s", limit));
      rows.push(row(`RSS, ${size} fake nodes`, megabytes.get(size)!, "MB"));
      if (size === SIZES.at(-1)) {
        rows.push(...(await hold(unitwatch, { peers, size, context })));
      }
    }
    for (const size of SIZES.slice(1)) {
      const more = (megabytes.get(size)! - megabytes.get(20)!) / (size - 20);
      rows.push(row(`RSS of each further node, up to ${size}`, more, "MB", "<= 0.6"));
    }
    return rows;
  },
};

/** Crashes units on all nodes; every node must stay attached and every crash must be counted. */
async function hold(
  unitwatch: Unitwatch,
  fleet: {
    readonly peers: Awaited<ReturnType<typeof startFakePeers>>;
    readonly size: number;
    readonly context: BenchContext;
  },
): Promise<Row[]> {
  const { peers, size, context } = fleet;
  context.progress(`${CRASHES_A_SECOND} crashes a second among them`);
  const crashes = await peers.crash(CRASHES_A_SECOND, HOLD_SECONDS);
  await delay(SETTLE_MS);
  const { text } = await unitwatch.get("/metrics");
  return [
    row("nodes watched after the crashes", await watchedNodes(unitwatch), "", `== ${size}`),
    row("streams opened again", sumOf(text, "unitwatch_systemd_reconnects_total"), "", "== 0"),
    row("crashes among them", crashes, ""),
    row("crashes lost", crashes - sumOf(text, "systemd_unit_failures_total"), "", "== 0"),
    row("RSS after the crashes and a scrape", useOfTree(unitwatch.pid).rssBytes / 1e6, "MB"),
  ];
}
