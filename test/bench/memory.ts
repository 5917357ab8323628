import { setTimeout as delay } from "node:timers/promises";
import { row, type Row, type Section, type Way } from "./section.ts";
import { untilAttached } from "./support/attached.ts";
import { useOfTree } from "./support/process-tree.ts";

const SIZES = [1, 10, 20];
const WAYS: readonly Way[] = ["engine+dbus", "cli+busctl"];
const SETTLE_MS = 1_000;
const SCRAPES = 10;

/** What it takes to watch real nodes, all processes together, after some scrapes. */
export const section: Section = {
  name: "memory",
  async run(context) {
    const rows: Row[] = [];
    for (const size of SIZES) {
      for (const way of WAYS) {
        await using unitwatch = await context.watch(size, { way });
        await untilAttached(unitwatch, size);
        for (let scrape = 0; scrape < SCRAPES; scrape += 1) await unitwatch.get("/metrics");
        await delay(SETTLE_MS);
        const { rssBytes, children } = useOfTree(unitwatch.pid);
        const isOurs = way === "engine+dbus";
        const floor = isOurs && size === 20 ? "<= 110" : undefined;
        rows.push(row(`RSS, ${size} nodes, ${way}`, rssBytes / 1e6, "MB", floor));
        const none = isOurs ? "== 0" : undefined;
        rows.push(row(`child processes, ${size} nodes, ${way}`, children, "", none));
      }
    }
    return rows;
  },
};
