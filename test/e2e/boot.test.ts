import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { clusterName } from "../support/e2e-runtime.ts";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import type { Engine } from "../support/engine/docker.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";
import {
  countFailures,
  shownFailures,
  shownSystemd,
  trueFailures,
  trueSystemd,
} from "../support/truth.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";

const CLUSTER = clusterName("boot");
const labels = { "sind.cluster": CLUSTER };

/** Blocks the boot at its beginning: there is no bus while it runs. */
const SLOW = `[Unit]
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
ExecStart=sleep 2
[Install]
WantedBy=sysinit.target
`;

/** Fails at boot, when there is a journal but no bus yet. */
const EARLY = `[Unit]
DefaultDependencies=no
After=systemd-journald.service
Before=slow.service
[Service]
Type=oneshot
ExecStart=sh -c 'exit 4'
[Install]
WantedBy=sysinit.target
`;

/** Returns when the first process was started in the node by the engine, in Unix milliseconds. */
async function firstCommandMs(node: TestNode): Promise<number> {
  const startedMs = Date.parse((await node.inspect()).State.StartedAt);
  const lines = await node.engine.docker([
    "events",
    `--since=${(startedMs / 1_000).toFixed(3)}`,
    `--until=${(Date.now() / 1_000).toFixed(3)}`,
    `--filter=container=${node.id}`,
    "--filter=event=exec_create",
    "--format={{json .}}",
  ]);
  const first = JSON.parse(lines.split("\n")[0] ?? "") as { readonly timeNano: number };
  return first.timeNano / 1e6;
}

/** Returns when the node's first service was started, in Unix milliseconds. */
async function firstServiceMs(node: TestNode): Promise<number> {
  const property = "--property=ExecMainStartTimestamp";
  const show = ["show", "--timestamp=unix", property, "--value", "systemd-journald.service"];
  return Number((await node.systemctl(...show)).replace("@", "")) * 1_000;
}

describeEngine("a node that boots", () => {
  const stack = new AsyncDisposableStack();
  let engine: Engine;
  let node: TestNode;
  let unitwatch: Unitwatch;

  beforeAll(() => {
    engine = attachEngine();
  });
  afterAll(() => stack.disposeAsync());

  const expectWatched = () =>
    unitwatch.until(async (scrape) => {
      expect(scrape.value("unitwatch_systemd_up", { container: node.name })).toBe(1);
      expect(shownSystemd(scrape, node.name)).toEqual(await trueSystemd(node));
    });

  test("is watched from the beginning of its boot", async () => {
    [node, unitwatch] = await Promise.all([
      startNode(engine, { name: `sind-${CLUSTER}-controller`, labels, waitReady: false }),
      startUnitwatch({ host: engine.host, cluster: CLUSTER }),
    ]);
    stack.use(node);
    stack.use(unitwatch);

    await expectWatched();
    // A service has its cgroup, so the controllers are on. The pids of a private engine are no
    // processes of this host: the engine lists them.
    expect(await firstCommandMs(node)).toBeGreaterThanOrEqual(await firstServiceMs(node));
    expect(await node.ready()).toBe("running");
    await expectWatched();
  });

  test("is watched when its boot is slow", async () => {
    await node.writeUnit("slow.service", SLOW);
    await node.writeUnit("early.service", EARLY);
    await node.systemctl("enable", "slow.service", "early.service");
    const from = performance.now();
    await node.restart();
    expect(await node.ready()).toBe("degraded");
    expect(performance.now() - from).toBeGreaterThan(2_000);

    const scrape = await expectWatched();
    // Failures from before the first connection are known too.
    expect(shownFailures(scrape, node.name)).toEqual({ "early.service": { "exit-code": 1 } });
    expect(countFailures(await trueFailures(node))).toEqual(shownFailures(scrape, node.name));
    // A boot logs no warnings.
    expect(unitwatch.log.filter(({ level }) => level === "error")).toEqual([]);
  });
});
