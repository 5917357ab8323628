import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import { unpackedPackage } from "../support/debian-command.ts";
import type { TestNode } from "../support/engine/node.ts";
import { eventually } from "../support/eventually.ts";
import { goProgram } from "../support/go-program.ts";
import { type BenchContext, row, type Row, type Section } from "./section.ts";
import { untilAttached } from "./support/attached.ts";
import { pidOfNode } from "./support/node-process.ts";
import { allProcesses, rssOf, useOfTree } from "./support/process-tree.ts";
import { sumOf } from "./support/sums.ts";

const NODES = 5;
/** Services of a node that crash, each as often. */
const UNITS = 10;
const CRASHES = 1_000;
const ROUNDS = CRASHES / NODES / UNITS;
/** A service that crashes is started again after this time, as one of Restart= would be. */
const RESTART_SECONDS = 1;
const ROUND_MS = 4_000;
const SCRAPE_MS = 5_000;
const REST_MS = 30_000;
const SETTLE_MS = 3_000;
const SYSTEMD_EXPORTER = "github.com/prometheus-community/systemd_exporter";

/** An exporter that runs in each node. */
interface Peer {
  readonly name: string;
  readonly port: number;
  readonly args: readonly string[];
  readonly program: () => Promise<string>;
  readonly state: string;
  readonly restarts: string;
}

const PEERS: readonly Peer[] = [
  {
    name: "node_exporter",
    port: 9100,
    args: [
      "--web.listen-address=127.0.0.1:9100",
      "--collector.disable-defaults",
      "--collector.systemd",
      "--collector.systemd.enable-restarts-metrics",
    ],
    program: async () =>
      join(await unpackedPackage("prometheus-node-exporter"), "usr/bin/prometheus-node-exporter"),
    state: "node_systemd_unit_state",
    restarts: "node_systemd_service_restart_total",
  },
  {
    name: "systemd_exporter",
    port: 9558,
    args: ["--web.listen-address=127.0.0.1:9558", "--systemd.collector.enable-restart-count"],
    program: () =>
      goProgram({
        path: SYSTEMD_EXPORTER,
        version: "v0.7.0",
        lacks: { module: SYSTEMD_EXPORTER, files: [] },
      }),
    state: "systemd_unit_state",
    restarts: "systemd_service_restart_total",
  },
];

/** Gets /metrics; it enters the node's network alone, so that the request starts no process there. */
const GET = `my $s = IO::Socket::INET->new("127.0.0.1:$ARGV[0]") or die "$@\\n";
print $s "GET /metrics HTTP/1.0\\r\\n\\r\\n"; local $/; print <$s>;`;

/** A node, and a pid in its namespaces. */
interface Entered {
  readonly node: TestNode;
  readonly pid: number;
}

/** Exporters in each node, scraped every 5 s, beside unitwatch: their cost, and what they miss. */
export const section: Section = {
  name: "peers",
  isOnDemand: true,
  async run(context) {
    const programs = await Promise.all(PEERS.map(({ program }) => program()));
    const nodes = await context.nodes(NODES);
    const entered: Entered[] = [];
    for (const node of nodes) {
      await prepare(node);
      entered.push({ node, pid: await pidOfNode(node) });
    }
    const rows: Row[] = [row("peers: nodes", NODES, ""), ...(await ofUnitwatch(context, entered))];
    for (const [at, peer] of PEERS.entries()) {
      context.progress(peer.name);
      rows.push(...(await ofPeer(peer, programs[at]!, entered)));
    }
    return rows;
  },
};

async function ofUnitwatch(context: BenchContext, nodes: readonly Entered[]): Promise<Row[]> {
  await using unitwatch = await context.watch(NODES);
  await untilAttached(unitwatch, NODES);
  const scrape = async (): Promise<string> => (await unitwatch.get("/metrics")).text;
  const cpu = await atRest(nodes, { scrape, own: () => useOfTree(unitwatch.pid).cpuSeconds });
  const before = await scrape();
  await crashes(nodes, async () => void (await scrape()));
  await delay(SETTLE_MS);
  const after = await scrape();
  const having = 'name="peer-';
  const counted = (name: string): number =>
    sumOf(after, name, having) - sumOf(before, name, having);
  return [
    row("unitwatch: memory", useOfTree(unitwatch.pid).rssBytes / 1e6, "MB"),
    ...cpuRows("unitwatch", cpu),
    row(
      `unitwatch: of ${CRASHES} crashes, not counted`,
      CRASHES - counted("systemd_unit_failures_total"),
      "",
      "== 0",
    ),
  ];
}

async function ofPeer(peer: Peer, program: string, nodes: readonly Entered[]): Promise<Row[]> {
  const { name, args } = peer;
  for (const { node } of nodes) {
    await node.engine.docker(["cp", program, `${node.id}:/usr/local/bin/${name}`]);
    await node.exec(["systemd-run", `--unit=${name}`, `/usr/local/bin/${name}`, ...args]);
  }
  const get = async ({ pid }: Entered): Promise<string> => {
    const enter = ["--net", `--target=${pid}`, "perl", "-MIO::Socket::INET", "-e", GET];
    return (await execa("nsenter", [...enter, String(peer.port)])).stdout;
  };
  const scrape = (): Promise<string[]> => Promise.all(nodes.map(get));
  await eventually(scrape);
  const running = (): number[] =>
    nodes.flatMap(({ pid }) =>
      membersOf(pid)
        .filter(({ command }) => command === name.slice(0, 15))
        .map((each) => each.pid),
    );
  const own = (): number => sum(cpuOf(running()));
  const cpu = await atRest(nodes, { scrape, own });
  const restartsIn = (texts: readonly string[]): number =>
    sum(texts.map((text) => sumOf(`\n${text}`, peer.restarts, 'name="peer-')));
  const before = restartsIn(await scrape());
  const seen = nodes.map(() => new Set<string>());
  let shown = 0;
  await crashes(nodes, async (round) => {
    for (const [at, text] of (await scrape()).entries()) {
      for (const unit of failedUnits(text, peer.state)) {
        const crash = `${round} ${unit}`;
        if (seen[at]!.has(crash)) continue;
        seen[at]!.add(crash);
        shown += 1;
      }
    }
  });
  await delay(SETTLE_MS);
  const restarts = restartsIn(await scrape()) - before;
  const bytes = sum(running().map(rssOf));
  for (const { node } of nodes) await node.systemctl("stop", `${name}.service`);
  return [
    row(`${name}: memory`, bytes / 1e6, "MB"),
    ...cpuRows(name, cpu),
    row(`${name}: of ${CRASHES} crashes, in no scrape as failed`, CRASHES - shown, ""),
    row(`${name}: of ${CRASHES} crashes, not in its restart counter`, CRASHES - restarts, ""),
  ];
}

function cpuRows(name: string, cpu: { readonly own: number; readonly nodes: number }): Row[] {
  return [
    row(`${name}: CPU at rest, scraped every 5 s, of a core`, cpu.own * 100, "%"),
    row(`${name}: CPU of the nodes meanwhile, with it`, cpu.nodes * 100, "%"),
  ];
}

/** Measures parts of a core while nothing crashes and a scrape is made every 5 s. */
async function atRest(
  nodes: readonly Entered[],
  { scrape, own }: { readonly scrape: () => Promise<unknown>; readonly own: () => number },
): Promise<{ readonly own: number; readonly nodes: number }> {
  await delay(SETTLE_MS);
  const ofNodes = (): number => sum(nodes.map(({ pid }) => sum(cpuOf(membersOf(pid).map(pidOf)))));
  const before = { own: own(), nodes: ofNodes() };
  for (let at = 0; at < REST_MS; at += SCRAPE_MS) {
    await scrape();
    await delay(SCRAPE_MS);
  }
  const seconds = REST_MS / 1_000;
  return { own: (own() - before.own) / seconds, nodes: (ofNodes() - before.nodes) / seconds };
}

/** Kills each service in each round, and scrapes every 5 s meanwhile, whatever happens. */
async function crashes(
  nodes: readonly Entered[],
  scrape: (round: number) => Promise<void>,
): Promise<void> {
  let round = 0;
  const end = new AbortController();
  const scrapes = async (): Promise<void> => {
    for (let nextMs = performance.now() + SCRAPE_MS; !end.signal.aborted; nextMs += SCRAPE_MS) {
      await delay(Math.max(0, nextMs - performance.now()));
      await scrape(round);
    }
  };
  const scraping = scrapes();
  for (; round < ROUNDS; round += 1) {
    await Promise.all([
      delay(ROUND_MS),
      // The units of the last round run again.
      ...nodes.map(({ node }) => node.exec(["sh", "-c", KILL_ALL])),
    ]);
  }
  end.abort();
  await scraping;
}

const NAMES = Array.from({ length: UNITS }, (_, unit) => `peer-${unit}.service`);
const KILL_ALL = NAMES.map(
  (name) =>
    `until [ "$(systemctl show --property=ActiveState --value ${name})" = active ]; do sleep 0.05; done\n` +
    `systemctl kill --kill-who=main --signal=SIGKILL ${name}`,
).join("\n");

async function prepare(node: TestNode): Promise<void> {
  const unit =
    "[Unit]\\nStartLimitIntervalSec=0\\n[Service]\\nExecStart=sleep infinity\\n" +
    `Restart=always\\nRestartSec=${RESTART_SECONDS}\\n`;
  const script = [
    ...NAMES.map((name) => `printf '${unit}' >/etc/systemd/system/${name}`),
    "systemctl daemon-reload",
    `systemctl start ${NAMES.join(" ")}`,
  ];
  await node.exec(["sh", "-c", script.join("\n")]);
}

/** Returns the units that a scrape shows as failed, or as activating: they wait for their restart. */
function failedUnits(text: string, metric: string): string[] {
  const line = new RegExp(
    `^${metric}\\{.*name="(peer-[^"]+)".*state="(?:failed|activating)".*\\} 1$`,
    "gm",
  );
  return [...text.matchAll(line)].map(([, unit = ""]) => unit);
}

/** Returns the processes of the node in whose pid namespace a process is. */
function membersOf(pid: number): readonly Process[] {
  const all = allProcesses();
  const roots = new Set([rootOf(pid, all)]);
  let found: readonly Process[] = [];
  for (;;) {
    const members = all.filter((each) => roots.has(each.pid) || roots.has(each.ppid));
    if (members.length === found.length) return members;
    found = members;
    for (const member of members) roots.add(member.pid);
  }
}

type Process = ReturnType<typeof allProcesses>[number];

/** Returns the first process of a node: the child of a shim. */
function rootOf(pid: number, all: readonly Process[]): number {
  const each = all.find((one) => one.pid === pid);
  const parent = all.find((one) => one.pid === each?.ppid);
  if (parent === undefined || parent.command.startsWith("containerd-shim")) return pid;
  return rootOf(parent.pid, all);
}

const pidOf = ({ pid }: Process): number => pid;

function cpuOf(pids: readonly number[]): number[] {
  const wanted = new Set(pids);
  return allProcesses()
    .filter(({ pid }) => wanted.has(pid))
    .map(({ cpuSeconds, endedCpuSeconds }) => cpuSeconds + endedCpuSeconds);
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}
