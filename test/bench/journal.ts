import { setTimeout as delay } from "node:timers/promises";
import { keepJournal } from "../e2e/count/load.ts";
import type { TestNode } from "../support/engine/node.ts";
import type { Unitwatch } from "../support/unitwatch.ts";
import { type BenchContext, type Route, row, type Row, type Section } from "./section.ts";
import { untilAttached } from "./support/attached.ts";
import { startOtlpReceiver } from "./support/otlp-receiver.ts";
import { allProcesses, useOfTree } from "./support/process-tree.ts";
import { sumOf } from "./support/sums.ts";

const NODES = 20;
/** Entries of one node that are written while unitwatch is stopped. */
const ENTRIES = 50_000;
/** Entries of each node in a second. */
const RATE = 200;
const SECONDS = 20;
const SETTLE_MS = 5_000;
const LIMIT_MS = 120_000;
/** A scrape costs, too. */
const POLL_MS = 100;
const ALL = ["--journal.records=all"];
/** No process listens there: records stay in the queue. */
const NOWHERE = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" };

/** Whole journals as log records: the rate of one node, and the cost of many. */
export const section: Section = {
  name: "journal",
  isOnDemand: true,
  async run(context) {
    const nodes = await context.nodes(NODES);
    await Promise.all(nodes.map(prepare));
    const rows = [
      await rateOfOne(context, nodes[0]!, "engine+socket"),
      await rateOfOne(context, nodes[0]!, "engine+dbus"),
    ];
    await using receiver = await startOtlpReceiver();
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url };
    await Promise.all(nodes.map((node) => node.systemctl("start", "talk.service")));
    const without = await costOf(context, { env, args: [] });
    const all = await costOf(context, { env, args: ALL });
    await Promise.all(nodes.map((node) => node.systemctl("stop", "talk.service")));
    return [
      ...rows,
      row("journal entries followed, 20 nodes", all.entries, "/s"),
      row("CPU of following them, of a core", all.cpu - without.cpu, "%", "<= 15"),
      row("memory of following them", all.megabytes - without.megabytes, "MB", "<= 20"),
    ];
  },
};

async function rateOfOne(context: BenchContext, node: TestNode, route: Route): Promise<Row> {
  await using unitwatch = await context.watch(1, { route, args: ALL, env: NOWHERE });
  await untilAttached(unitwatch, 1);
  await delay(SETTLE_MS);
  const before = await queued(unitwatch);
  unitwatch.signal("SIGSTOP");
  try {
    await node.systemctl("start", "flood.service");
    await node.exec(["journalctl", "--sync"]);
  } finally {
    unitwatch.signal("SIGCONT");
  }
  const begin = performance.now();
  let count = 0;
  while (count < ENTRIES) {
    await delay(POLL_MS);
    count = (await queued(unitwatch)) - before;
    if (performance.now() - begin > LIMIT_MS) throw new Error(`${count} entries are queued`);
  }
  const seconds = (performance.now() - begin) / 1_000;
  return row(
    `journal entries of one node into the queue, ${route}`,
    count / seconds,
    "/s",
    ">= 20000",
  );
}

async function queued(unitwatch: Unitwatch): Promise<number> {
  return sumOf((await unitwatch.get("/metrics")).text, "unitwatch_otlp_queue_records");
}

interface Cost {
  /** Percent of a core. */
  readonly cpu: number;
  readonly megabytes: number;
  /** Records a second. */
  readonly entries: number;
}

async function costOf(
  context: BenchContext,
  run: { readonly env: Readonly<Record<string, string>>; readonly args: readonly string[] },
): Promise<Cost> {
  await using unitwatch = await context.watch(NODES, run);
  await untilAttached(unitwatch, NODES);
  await delay(SETTLE_MS);
  const sent = async (): Promise<number> =>
    sumOf((await unitwatch.get("/metrics")).text, "unitwatch_otlp_exported_total", "logs");
  const first = await sent();
  const before = cpuOf(unitwatch.pid);
  await delay(SECONDS * 1_000);
  const cpu = ((cpuOf(unitwatch.pid) - before) / SECONDS) * 100;
  const megabytes = useOfTree(unitwatch.pid).rssBytes / 1e6;
  return { cpu, megabytes, entries: ((await sent()) - first) / SECONDS };
}

/** CPU time of a process and of its commands, those that have ended too. */
function cpuOf(pid: number): number {
  const own = allProcesses().find((each) => each.pid === pid);
  return useOfTree(pid).cpuSeconds + (own?.endedCpuSeconds ?? 0);
}

async function prepare(node: TestNode): Promise<void> {
  await keepJournal(node);
  const talk = `$| = 1; while (1) { print "line $_ of many\\n" for 1 .. ${RATE / 10}; select undef, undef, undef, 0.1 }`;
  const units = {
    "talk.service": `[Service]\nExecStart=/usr/bin/perl -e '${talk.replaceAll("$", () => "$$")}'\n`,
    "flood.service": `[Service]\nType=oneshot\nExecStart=/usr/bin/seq 1 ${ENTRIES}\n`,
  };
  for (const [name, text] of Object.entries(units)) {
    await node.exec(["sh", "-c", 'cat >"/etc/systemd/system/$1"', "sh", name], { input: text });
  }
  await node.systemctl("daemon-reload");
}
