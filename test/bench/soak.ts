import { get as httpGet } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Unitwatch } from "../support/unitwatch.ts";
import { row, type Row, type Section } from "./section.ts";
import { untilAttached } from "./support/attached.ts";
import { startFakePeers } from "./support/fake-peers.ts";
import { Heap, INSPECTED } from "./support/heap.ts";
import { startOtlpReceiver } from "./support/otlp-receiver.ts";
import { useOfTree } from "./support/process-tree.ts";
import { sumOf } from "./support/sums.ts";

const NODES = 5;
const UNITS = 100;
const ROUNDS = 6;
/** A longer run shows slow growth: `UNITWATCH_BENCH_SECONDS=900 npm run bench -- soak`. */
const SECONDS = Number(process.env["UNITWATCH_BENCH_SECONDS"] ?? 42);
const RATES = { crashes: 420, units: 400, containers: 2, breaks: 1 };
/** Short retention, so that removed containers are gone by the end of their round. */
const ARGS = ["--metrics.retention=1s", "--otlp.interval=5s"];
const SETTLE_MS = 2_500;
/** Limit until removed units and containers are gone. */
const CLEANUP_LIMIT_MS = 30_000;
/** Interval between two HTTP clients. */
const CLIENT_EVERY_MS = 250;

/**
 * A storm in which units, containers, streams and HTTP clients with new names come and go; reachable
 * memory must not grow.
 */
export const section: Section = {
  name: "soak",
  async run(context) {
    await using receiver = await startOtlpReceiver();
    await using peers = await startFakePeers(context.dir, NODES, UNITS);
    await using unitwatch = await context.watchAt(peers.host, ARGS, {
      nodeArgs: [INSPECTED],
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url },
    });
    await untilAttached(unitwatch, NODES);
    using heap = await Heap.of(unitwatch);
    const live: number[] = [];
    let units = 0;
    let containers = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const clients = startClients(unitwatch);
      const done = await peers.churn({ ...RATES, seconds: SECONDS / ROUNDS });
      clients[Symbol.dispose]();
      units += done.units;
      containers += done.containers;
      await delay(SETTLE_MS);
      await unitwatch.get("/metrics");
      live.push((await heap.liveBytes()) / 1e6);
      context.progress(`${live.at(-1)?.toFixed(1)} MB are reachable`);
    }
    const { text } = await unitwatch.get("/metrics");
    const left = await leftOver(unitwatch);
    return [
      row("churn: changes", sumOf(text, "unitwatch_events_total"), ""),
      row("churn: units and containers that came and went", units + containers, ""),
      row("churn: units and containers left over", left, "", "== 0"),
      row("churn: reachable memory after a third of it", live[1] ?? Number.NaN, "MB"),
      row("churn: growth of reachable memory", live.at(-1)! - live[1]!, "MB", "<= 8"),
      row("churn: RSS at its end", useOfTree(unitwatch.pid).rssBytes / 1e6, "MB"),
      row("churn: log records lost", sumOf(text, "unitwatch_dropped_total"), "", "== 0"),
    ] satisfies Row[];
  },
};

/** Starts HTTP clients of each kind that disconnect midway, until it is disposed. */
function startClients({ port }: Unitwatch): Disposable {
  let turn = 0;
  const timer = setInterval(() => {
    turn += 1;
    const path = ["/metrics", "/api/v1/events", "/", "/api/v1/state"][turn % 4] ?? "/";
    const headers = turn % 8 < 4 ? { "accept-encoding": "gzip" } : {};
    const request = httpGet(
      { host: "127.0.0.1", port, path, headers, agent: false },
      (response) => {
        response.on("error", () => {});
        // Disconnects midway.
        if (path === "/api/v1/events") setTimeout(() => request.destroy(), 4 * CLIENT_EVERY_MS);
        else response.once("data", () => request.destroy());
        response.resume();
      },
    );
    request.on("error", () => {});
  }, CLIENT_EVERY_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Returns how many removed units and containers are still shown at the limit. */
async function leftOver(unitwatch: Unitwatch): Promise<number> {
  const end = performance.now() + CLEANUP_LIMIT_MS;
  for (;;) {
    const { text } = await unitwatch.get("/api/v1/state");
    const { containers } = JSON.parse(text) as { containers: { units: unknown[] }[] };
    const shown = containers.reduce((sum, { units }) => sum + 1 + units.length, 0);
    const left = shown - NODES - NODES * UNITS;
    if (left === 0 || performance.now() > end) return left;
    await delay(CLIENT_EVERY_MS);
  }
}
