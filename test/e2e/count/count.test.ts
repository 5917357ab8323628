import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { clusterName, E2E_RUNTIME } from "../../support/e2e-runtime.ts";
import { attachEngine, describeEngine } from "../../support/engine/attach.ts";
import type { Engine } from "../../support/engine/docker.ts";
import { type OtlpReceiver, startOtlpReceiver } from "../../support/otlp-receiver.ts";
import { SocketProxy } from "../../support/socket-proxy.ts";
import type { Suite } from "../../support/engine/images.ts";
import { SUITES } from "../../matrix/nodes.ts";
import { startUnitwatch, type Unitwatch } from "../../support/unitwatch.ts";
import { type LoadedNode, type NodePlan, runCampaign, startLoadedNode } from "./campaign.ts";
import { LOSSLESS_FAULTS } from "./faults.ts";
import { judge } from "./judge.ts";
import { ExecLog } from "../../support/engine/exec-log.ts";
import { slowMs } from "../../support/slowness.ts";

/** With the command the campaign is shorter and has fewer nodes, because only the runtime differs. */
const IS_SHORT = E2E_RUNTIME === "cli";
const SECONDS = Number(process.env["UNITWATCH_COUNT_SECONDS"] ?? (IS_SHORT ? 5 : 10));
/** `cli` runs a command for each stream, which the faults can kill. */
const RUNTIME = process.env["UNITWATCH_COUNT_RUNTIME"] ?? E2E_RUNTIME;
const SEED = Number(process.env["UNITWATCH_COUNT_SEED"] ?? 1);
/** `socket` leaves out nodes without a bus. */
const TRANSPORT = process.env["UNITWATCH_COUNT_TRANSPORT"] ?? "auto";
/** Runs it on the engine's host, where it can reach the buses without a command in the nodes. */
const IS_ON_HOST = TRANSPORT === "socket" || process.env["UNITWATCH_COUNT_ON_HOST"] !== undefined;
/** Prints every state of a unit whose count is wrong. */
const DEBUG = process.env["UNITWATCH_COUNT_DEBUG"] !== undefined;
const CLUSTER = clusterName("count");

jest.setTimeout(slowMs(120_000) + SECONDS * 2_000);

/** Time for the other steps. */
const LONG_PLANS: readonly NodePlan[] = [
  { name: "no-logind", variant: "no-logind" },
  { name: "trixie-no-logind", suite: "trixie", variant: "no-logind" },
  { name: "trixie-no-dbus", suite: "trixie", variant: "no-dbus" },
];
const SHORT_PLANS: readonly NodePlan[] = [
  { name: "full" },
  { name: "no-dbus", variant: "no-dbus" },
];
/** Suites of full nodes in place of the plans, such as `bullseye,sid`. */
const NODES = process.env["UNITWATCH_COUNT_NODES"]?.split(",");
const ALL_PLANS: readonly NodePlan[] = NODES
  ? NODES.map((name) => ({ name, suite: suiteOf(name) }))
  : IS_SHORT
    ? SHORT_PLANS
    : [...SHORT_PLANS, { name: "trixie", suite: "trixie" }, ...(SECONDS > 60 ? LONG_PLANS : [])];
const hasBus = ({ variant }: NodePlan): boolean => variant !== "no-dbus";
const PLANS = ALL_PLANS.filter((plan) => TRANSPORT !== "socket" || hasBus(plan));

describeEngine("the count", () => {
  const stack = new AsyncDisposableStack();
  const nodes: LoadedNode[] = [];
  let engine: Engine;
  let receiver: OtlpReceiver;
  let proxy: SocketProxy;
  let unitwatch: Unitwatch;
  let execs: ExecLog;

  beforeAll(async () => {
    engine = attachEngine();
    const dir = await mkdtemp(join(tmpdir(), "unitwatch-"));
    stack.defer(() => rm(dir, { recursive: true }));
    proxy = stack.use(new SocketProxy(join(dir, "docker.sock"), engine.host));
    await proxy.start();
    receiver = stack.use(await startOtlpReceiver());
    execs = stack.use(new ExecLog(engine));
    await Promise.all(
      PLANS.map(async (plan) => {
        const each = await startLoadedNode(engine, plan, { cluster: CLUSTER, seed: SEED });
        stack.use(each.node);
        nodes.push(each);
      }),
    );
    nodes.sort((one, other) => one.plan.name.localeCompare(other.plan.name));
    unitwatch = stack.use(
      await startUnitwatch({
        host: proxy.host,
        cluster: CLUSTER,
        env: receiver.env,
        onHostOf: IS_ON_HOST ? engine : undefined,
        args: [
          `--docker.runtime=${RUNTIME}`,
          `--systemd.transport=${TRANSPORT}`,
          ...(DEBUG ? ["--log.level=debug"] : []),
        ],
      }),
    );
    await unitwatch.untilWatching(nodes.length);
  });
  afterAll(() => stack.disposeAsync());

  test("counts every failure and restart when faults lose nothing", async () => {
    const campaign = {
      seed: SEED,
      durationMs: SECONDS * 1_000,
      nodes,
      faults: LOSSLESS_FAULTS,
      unitwatch,
      proxy,
    };
    const [faults, verdict] = await withWarnings(unitwatch, async () => [
      await runCampaign(campaign),
      await judge(campaign, { receiver, trace: DEBUG }),
    ]);

    console.log({ seed: SEED, faults, verdict });
    expect(verdict.failures).toBeGreaterThan(2 * SECONDS * nodes.length);
    expect(unitwatch.log.filter(({ level }) => level === "error")).toEqual([]);
  });

  test("runs commands in the nodes only if the transport needs them", () => {
    const entered = nodes.filter(({ plan }) => !IS_ON_HOST || !hasBus(plan));
    const own = new Set(nodes.map(({ node }) => node.name));
    // Other tests run on the same engine.
    const commands = execs.commands.filter(([name]) => own.has(name));
    if (IS_ON_HOST) {
      const withBus = new Set(nodes.flatMap(({ plan, node }) => (hasBus(plan) ? [node.name] : [])));
      expect(commands.filter(([name]) => withBus.has(name))).toEqual([]);
    }
    const names = new Set(commands.map(([name]) => name));
    expect([...names].toSorted()).toEqual(entered.map(({ node }) => node.name).toSorted());
  });

  test("leaves nothing behind in the nodes", async () => {
    expect(await unitwatch.stop()).toEqual({ code: 0, signal: null });
    for (const { node } of nodes) {
      const left = (await node.processes()).filter(({ args }) =>
        /stdio-bridge|busctl|journalctl/.test(args),
      );
      expect(left).toEqual([]);
    }
  });
});

function suiteOf(name: string): Suite {
  const suite = SUITES.find((each) => each === name);
  if (suite === undefined) {
    throw new Error(`UNITWATCH_COUNT_NODES has ${name}, expected some of ${SUITES.join(", ")}`);
  }
  return suite;
}

/** Adds unitwatch's own warnings to an error. */
async function withWarnings<T>(unitwatch: Unitwatch, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const lines = unitwatch.log.filter(({ level }) => level === "warn" || level === "error");
    const log = lines.slice(-50).map((line) => JSON.stringify(line));
    throw new Error(`${String(cause)}\nlog of unitwatch:\n${log.join("\n")}`, { cause });
  }
}
