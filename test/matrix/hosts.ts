/*
 * `npm run test:hosts` runs unitwatch with --runtime=proc on hosts that have a runtime of containers and no
 * engine: systemd-nspawn, LXC, and containerd by ctr. `npm run test:hosts -- lxc-trixie` runs only this
 * one. It prints a row for each, and exits with 1 if a check fails. Needs Linux and root.
 * UNITWATCH_COUNT_SEED and _SECONDS are as for `npm run test:count`.
 */
import { setTimeout as delay } from "node:timers/promises";
import { eventually } from "../support/eventually.ts";
import type { HostNode, HostPlan, PrivateHost } from "../support/host/private-host.ts";
import { startPrivateHost } from "../support/host/private-host.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { measureSlowness, slowMs } from "../support/slowness.ts";
import { useTempFolder } from "../support/temp-folder.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";
import {
  compareRuns,
  forgetRuns,
  runTruth,
  runUnits,
  shownRuns,
  VICTIMS,
  writeRunUnits,
} from "./units.ts";

const PLANS: readonly HostPlan[] = [
  { kind: "nspawn", suite: "bookworm" },
  { kind: "lxc", suite: "trixie" },
  { kind: "containerd", suite: "bookworm" },
  { kind: "containerd", suite: "sid" },
];
const SYSTEMD = 252;
const NODES = 2;
/** Containers that start at once, and the time in which all have to be known. */
const MANY = { count: 50, withinMs: 30_000 };
/** Those of the DaemonSet in deploy/kubernetes/proc. */
const CAPABILITIES = ["sys_ptrace", "setuid", "setgid"] as const;
/** Messages of a unitwatch that lacks a right. */
const REFUSALS = new Set(["systemd watch failed", "systemd not sought, PID 1 not readable"]);
const SECONDS = Number(process.env["UNITWATCH_COUNT_SECONDS"] ?? 15);
const SEED = Number(process.env["UNITWATCH_COUNT_SEED"] ?? 1);
/** Lines of unitwatch's log that are printed when a check fails. */
const LOG_LINES = 40;
const nameOf = ({ kind, suite }: HostPlan): string => `${kind}-${suite}`;

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !PLANS.some((plan) => nameOf(plan) === name));
if (unknown.length > 0) {
  console.error(`unknown host ${unknown.join(", ")}: expected ${PLANS.map(nameOf).join(", ")}`);
  process.exit(2);
}
measureSlowness();
useTempFolder();

let failures = 0;
for (const plan of PLANS) {
  if (wanted.length > 0 && !wanted.includes(nameOf(plan))) continue;
  const report = (line: string): void => console.log(`${nameOf(plan)}: ${line}`);
  try {
    await run(plan, report);
  } catch (error) {
    failures += 1;
    report(`FAIL: ${error instanceof Error ? error.message : String(error)}`);
  }
}
console.log(failures === 0 ? "every check passes" : `${failures} hosts fail`);
process.exitCode = failures === 0 ? 0 : 1;

/** Runs the checks on one host, and reports what each has seen. @throws if one fails */
async function run(plan: HostPlan, report: (line: string) => void): Promise<void> {
  await using host = await startPrivateHost(plan);
  const nodes = await Promise.all(
    Array.from({ length: NODES }, (_, index) => host.start(`node-${index}`)),
  );
  const units = runUnits(SYSTEMD, { few: false });
  for (const node of nodes) {
    await node.ready();
    await writeRunUnits(node, units);
  }
  await using unitwatch = await watch(host);
  try {
    await unitwatch.untilWatching(NODES);
    report(await identities(unitwatch, { plan, nodes }));
    report(await walk(unitwatch, nodes));
    report(await count(unitwatch, { nodes, units }));
    report(await many(unitwatch, host));
    report(await leftovers(unitwatch, { host, nodes }));
    report(await rights(host));
  } catch (error) {
    for (const line of unitwatch.log.slice(-LOG_LINES)) console.error(JSON.stringify(line));
    throw error;
  }
}

/** @param before arguments that run unitwatch with fewer rights */
function watch(host: PrivateHost, before: readonly string[] = []): Promise<Unitwatch> {
  return startUnitwatch({
    // No engine is there, whatever the address.
    host: "unix:///run/docker.sock",
    enter: [...host.enter, ...before],
    args: ["--docker.runtime=proc", "--log.level=debug", "--metrics.retention=1h"],
  });
}

/** Each node has its name and its runtime, and the bus for a transport. */
async function identities(
  unitwatch: Unitwatch,
  { plan, nodes }: { readonly plan: HostPlan; readonly nodes: readonly HostNode[] },
): Promise<string> {
  const names = nodes.map(({ name }) => name);
  const scrape = await unitwatch.until((each) =>
    names.every((name) => each.select("container_info", { container: name }).length === 1),
  );
  for (const name of names) {
    const [info] = scrape.select("container_info", { container: name });
    if (info?.labels["runtime"] !== plan.kind) {
      throw new Error(`${name} has the runtime ${info?.labels["runtime"] ?? "none"}`);
    }
    const up = scrape.select("unitwatch_systemd_up", { container: name, transport: "socket" });
    if (up[0]?.value !== 1) throw new Error(`${name} isn't watched over its socket`);
  }
  return `names and runtime ${plan.kind} of ${nodes.length} nodes, by socket`;
}

/** Kill, and start again: the state is the runtime's, and the start is counted. */
async function walk(unitwatch: Unitwatch, nodes: readonly HostNode[]): Promise<string> {
  const [node] = nodes;
  if (node === undefined) throw new Error("no node");
  const at = { container: node.name };
  const startsOf = async (): Promise<number> =>
    (await unitwatch.scrape()).select("container_starts_total", at)[0]?.value ?? 0;
  const before = await startsOf();
  await node.kill();
  await unitwatch.until((scrape) => {
    const [running] = scrape.select("container_state_status", { ...at, state: "running" });
    return running?.value === 0;
  });
  await node.startAgain();
  await node.ready();
  await unitwatch.untilWatching(NODES);
  const starts = (await startsOf()) - before;
  if (starts !== 1) throw new Error(`${starts} starts after one, of ${node.name}`);
  return "killed and started again: 1 start";
}

/** Crash loops under random kills and reloads: each run writes how it ended, and is counted. */
async function count(
  unitwatch: Unitwatch,
  { nodes, units }: { readonly nodes: readonly HostNode[]; readonly units: Units },
): Promise<string> {
  const random = seededRandom(SEED);
  const names = Object.keys(units);
  const before = new Map<string, ReturnType<typeof shownRuns>>();
  for (const node of nodes) {
    await node.systemctl("stop", ...names);
    await forgetRuns(node, names);
  }
  const first = await unitwatch.scrape();
  for (const node of nodes) {
    before.set(node.name, shownRuns(first, { node, units }));
    await node.systemctl("start", "--no-block", "runs.target", ...VICTIMS);
  }
  const endMs = performance.now() + SECONDS * 1_000;
  let faults = 0;
  while (performance.now() < endMs) {
    const node = nodes[random(nodes.length)];
    const victim = VICTIMS[random(VICTIMS.length)];
    const actions = [
      () => node?.systemctl("kill", "--kill-who=main", "--signal=SIGKILL", `${victim}`),
      () => node?.systemctl("daemon-reload"),
      () => node?.systemctl("restart", "systemd-journald.service"),
    ];
    await actions[random(actions.length)]?.()?.catch(() => {});
    faults += 1;
    await delay(200 + random(400));
  }
  const figures: string[] = [];
  for (const node of nodes) {
    await node.systemctl("stop", ...names);
    const truth = await runTruth(node, names);
    const compared = await eventually(
      async () => {
        const now = shownRuns(await unitwatch.scrape(), { node, units });
        const shown = { before: before.get(node.name) ?? now, now };
        const result = compareRuns(truth, shown);
        if (result.wrong.length > 0) throw new Error(result.wrong.join("; "));
        return result;
      },
      { withinMs: 10_000 },
    );
    figures.push(compared.figure);
  }
  return `${figures.join("; ")}; ${faults} faults`;
}

type Units = Readonly<Record<string, string>>;

/** Many containers without systemd start at once, and are all known in time. */
async function many(unitwatch: Unitwatch, host: PrivateHost): Promise<string> {
  const begin = performance.now();
  const started = await Promise.all(
    Array.from({ length: MANY.count }, (_, index) =>
      host.start(`many-${index}`, ["/bin/sleep", "infinity"]),
    ),
  );
  const names = new Set(started.map(({ name }) => name));
  const isOne = ({ value }: { readonly value: number }): boolean => value === 1;
  await unitwatch.until(
    (scrape) =>
      scrape
        .select("container_state_status", { state: "running" })
        .filter((sample) => isOne(sample) && names.has(sample.labels["container"] ?? "")).length ===
      MANY.count,
    { withinMs: MANY.withinMs },
  );
  const ms = performance.now() - begin;
  if (ms > slowMs(MANY.withinMs)) throw new Error(`${MANY.count} containers took ${ms} ms`);
  return `${MANY.count} containers known in ${(ms / 1_000).toFixed(1)} s`;
}

/** unitwatch starts nothing in a container: no process of it is there, even while it runs. */
async function leftovers(
  unitwatch: Unitwatch,
  { host, nodes }: { readonly host: PrivateHost; readonly nodes: readonly HostNode[] },
): Promise<string> {
  const left = async (): Promise<readonly string[]> => {
    const lists = await Promise.all(nodes.map((node) => node.exec(["ps", "-eo", "args"])));
    const own = /unitwatch|stdio-bridge|busctl|journalctl/;
    return lists.flatMap((list) => list.split("\n").filter((line) => own.test(line)));
  };
  const during = await left();
  const exit = await unitwatch.stop();
  await using killed = await watch(host);
  await killed.untilWatching(NODES);
  killed.signal("SIGKILL");
  await killed.exited;
  const all = [...during, ...(await left())];
  if (all.length > 0) throw new Error(`left behind: ${all.join(", ")}`);
  if (exit.code !== 0) throw new Error(`unitwatch ended with ${exit.code ?? exit.signal}`);
  return "leftovers: none";
}

/** unitwatch watches as root with these capabilities alone, and not if one of them is missing. */
async function rights(host: PrivateHost): Promise<string> {
  const watched: string[] = [];
  for (const without of [undefined, ...CAPABILITIES]) {
    const granted = CAPABILITIES.filter((name) => name !== without).map((name) => `+${name}`);
    const set = ["-all", ...granted].join(",");
    const limit = ["setpriv", `--bounding-set=${set}`, "--inh-caps=-all", "--no-new-privs"];
    await using unitwatch = await watch(host, limit);
    const isWatched = await Promise.race([
      unitwatch.untilWatching(NODES).then(() => true),
      unitwatch.untilLogged(({ msg }) => REFUSALS.has(msg)).then(() => false),
    ]);
    if (isWatched) watched.push(without === undefined ? "all" : `all but ${without}`);
  }
  if (watched.join(", ") !== "all") throw new Error(`watches with ${watched.join(", ")}`);
  return `rights: watches with ${CAPABILITIES.join(", ")}, and with no two of them alone`;
}
