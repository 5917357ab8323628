import { loadavg } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { keepJournal } from "../e2e/count/load.ts";
import type { TestNode } from "../support/engine/node.ts";
import { percentile, row, type Section } from "./section.ts";
import { untilAttached } from "./support/attached.ts";
import { BusLag } from "./support/bus-lag.ts";
import { useOfTree } from "./support/process-tree.ts";
import { sumOf } from "./support/sums.ts";

const NODES = 5;
const UNITS = 20;
const SECONDS = 60;
/** Duration of the storm without unitwatch, when only the nodes' own buses are watched. */
const BUS_SECONDS = 20;
const SCRAPE_EVERY_MS = 1_000;
const SETTLE_MS = 2_000;
/** MESSAGE_ID of a failed unit, and of a restart by Restart=; see systemd.journal-fields(7). */
const FAILED = "d9b373ed55a64feb8242e02dbe79a49c";
const RESTARTED = "5eb03494b6584870a536b337290809b3";

/** Services that crash as fast as systemd starts them; every crash must be counted. */
export const section: Section = {
  name: "storm",
  async run(context) {
    const nodes = await context.nodes(NODES);
    await Promise.all(nodes.map(prepare));
    const before = await Promise.all(nodes.map(countsOf));
    await using unitwatch = await context.watch(NODES);
    await untilAttached(unitwatch, NODES);
    await delay(SETTLE_MS);
    const first = (await unitwatch.get("/metrics")).text;
    const cpuBefore = useOfTree(unitwatch.pid).cpuSeconds;

    await start(nodes);
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
    await stop(nodes);

    const after = await Promise.all(nodes.map(countsOf));
    const shown = (await unitwatch.get("/metrics")).text;
    const truth = (what: "failures" | "restarts"): number =>
      after.reduce((sum, counts, at) => sum + counts[what] - before[at]![what], 0);
    const counted = (name: string): number => sumOf(shown, name) - sumOf(first, name);
    await unitwatch.stop();
    const bus = await busLagOf(nodes);
    const events = sumOf(last, "unitwatch_events_total") - sumOf(first, "unitwatch_events_total");
    const cpu = use.cpuSeconds - cpuBefore;
    const lag = (part: number): number => lagOf(first, last, part) * 1_000;
    return [
      row("changes in the storm", events / seconds, "/s"),
      row("lag in the storm, p50", lag(0.5), "ms"),
      row("lag in the storm, p99", lag(0.99), "ms", "<= 100"),
      // Our part of the lag: the rest passes before the bytes arrive.
      row("of it the event loop's, p99", percentile(loopLags, 0.99), "ms"),
      row("lag at the nodes' own buses, unwatched, p50", bus(0.5), "ms"),
      row("lag at the nodes' own buses, unwatched, p99", bus(0.99), "ms"),
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

async function start(nodes: readonly TestNode[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.systemctl("start", "--no-block", "storm.target")));
}

async function stop(nodes: readonly TestNode[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.systemctl("stop", "storm.target", "storm-*.service")));
  await delay(SETTLE_MS);
}

/** Measures the lag of the same storm at the buses; returns percentiles in ms. */
async function busLagOf(nodes: readonly TestNode[]): Promise<(part: number) => number> {
  using lag = await BusLag.open(nodes);
  await start(nodes);
  await delay(BUS_SECONDS * 1_000);
  await stop(nodes);
  return (part) => lag.percentile(part);
}

/** Writes units that crash and restart for ever once `storm.target` is started. */
async function prepare(node: TestNode): Promise<void> {
  await keepJournal(node);
  const names = Array.from({ length: UNITS }, (_, unit) => `storm-${unit}.service`);
  const unit =
    "[Unit]\\nStartLimitIntervalSec=0\\n[Service]\\nExecStart=false\\nRestart=always\\nRestartSec=0\\n";
  const script = [
    "cd /etc/systemd/system",
    ...names.map((name) => `printf '${unit}' >${name}`),
    `printf '[Unit]\\nWants=${names.join(" ")}\\n' >storm.target`,
    "systemctl daemon-reload",
  ];
  await node.exec(["sh", "-c", script.join("\n")]);
}

interface Counts {
  readonly failures: number;
  readonly restarts: number;
}

async function countsOf(node: TestNode): Promise<Counts> {
  const count = (id: string): string =>
    `journalctl --quiet --output=cat --output-fields=MESSAGE MESSAGE_ID=${id} | wc -l`;
  const script = `journalctl --sync; ${count(FAILED)}; ${count(RESTARTED)}`;
  const [failures, restarts] = (await node.exec(["sh", "-c", script])).split("\n").map(Number);
  return { failures: failures ?? Number.NaN, restarts: restarts ?? Number.NaN };
}

/** Returns a percentile of the lag between two scrapes in seconds: the upper end of a bucket. */
function lagOf(first: string, last: string, part: number): number {
  const bucket = /^unitwatch_event_lag_seconds_bucket\{le="([^"]+)"\} (\d+)$/gm;
  const before = new Map([...first.matchAll(bucket)].map(([, le, count]) => [le, Number(count)]));
  const buckets = [...last.matchAll(bucket)].map(
    ([, le, count]) => [Number(le), Number(count) - (before.get(le) ?? 0)] as const,
  );
  const total = buckets.at(-1)?.[1] ?? 0;
  return buckets.find(([, count]) => count >= part * total)?.[0] ?? Number.NaN;
}
