import { setTimeout as delay } from "node:timers/promises";
import {
  type BenchContext,
  percentile,
  row,
  type Row,
  type Section,
  type Route,
} from "./section.ts";
import { untilAttached } from "./support/attached.ts";
import { startOtlpReceiver } from "./support/otlp-receiver.ts";
import { useOfTree } from "./support/process-tree.ts";

const SIZES = [1, 10, 20];
const ROUTES: readonly Route[] = ["engine+socket", "engine+dbus", "cli+busctl"];
const SETTLE_MS = 1_000;
/** Interval between checks whether metrics were pushed. */
const PUSH_MS = 100;
const SCRAPES = 10;
/** Turns with OTLP. */
const TURNS = 3;
/** Path of dist/main.js of another build, to compare with. */
const OTHER_BUILD = process.env["UNITWATCH_BENCH_OTHER"];

/** Memory of all processes that watch real nodes, after some scrapes. */
export const section: Section = {
  name: "memory",
  async run(context) {
    const rows: Row[] = [];
    for (const size of SIZES) {
      for (const route of ROUTES) {
        await using unitwatch = await context.watch(size, { route });
        await untilAttached(unitwatch, size);
        for (let scrape = 0; scrape < SCRAPES; scrape += 1) await unitwatch.get("/metrics");
        await delay(SETTLE_MS);
        const { rssBytes, children } = useOfTree(unitwatch.pid);
        const isOurs = route !== "cli+busctl";
        const floor = isOurs && size === 20 ? "<= 110" : undefined;
        rows.push(row(`RSS, ${size} nodes, ${route}`, rssBytes / 1e6, "MB", floor));
        const none = isOurs ? "== 0" : undefined;
        rows.push(row(`child processes, ${size} nodes, ${route}`, children, "", none));
      }
    }
    rows.push(...(await withOtlp(context)));
    return rows;
  },
};

/**
 * Memory when log records, or log records and metrics, are sent over OTLP; beside that of another
 * build, in turns, if there is one.
 */
async function withOtlp(context: BenchContext): Promise<Row[]> {
  const rows: Row[] = [];
  const size = SIZES.at(-1)!;
  await using receiver = await startOtlpReceiver();
  for (const [what, metrics] of [
    ["logs", "off"],
    ["logs and metrics", "on"],
  ] as const) {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, UNITWATCH_OTLP_METRICS: metrics };
    const measure = async (main?: string): Promise<number> => {
      const args = ["--otlp.interval=2s"];
      // Both know this transport.
      const run = {
        env,
        args,
        route: "engine+dbus",
        ...(main === undefined ? {} : { main }),
      } as const;
      await using unitwatch = await context.watch(size, run);
      await untilAttached(unitwatch, size);
      for (let scrape = 0; scrape < SCRAPES; scrape += 1) await unitwatch.get("/metrics");
      const before = receiver.bytes;
      if (metrics === "on") while (receiver.bytes === before) await delay(PUSH_MS);
      await delay(SETTLE_MS);
      return useOfTree(unitwatch.pid).rssBytes / 1e6;
    };
    const ours: number[] = [];
    const others: number[] = [];
    for (let turn = 0; turn < TURNS; turn += 1) {
      ours.push(await measure());
      if (OTHER_BUILD !== undefined) others.push(await measure(OTHER_BUILD));
    }
    const megabytes = percentile(ours, 0.5);
    rows.push(row(`RSS, ${size} nodes, OTLP ${what}`, megabytes, "MB"));
    if (others.length === 0) continue;
    const other = percentile(others, 0.5);
    const floor = metrics === "on" ? "<= 0.8" : undefined;
    rows.push(row(`RSS, ${size} nodes, OTLP ${what}, other build`, other, "MB"));
    rows.push(
      row(`RSS, ${size} nodes, OTLP ${what}, by other build`, megabytes / other, "", floor),
    );
  }
  return rows;
}
