import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { StatusReport } from "../../src/domain/status.ts";
import { clusterName, E2E_RUNTIME } from "../support/e2e-runtime.ts";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import { startContainer } from "../support/engine/container.ts";
import type { Engine } from "../support/engine/docker.ts";
import { type NodeVariant, startNode, type TestNode } from "../support/engine/node.ts";
import {
  type OtlpReceiver,
  type ReceivedLog,
  startOtlpReceiver,
} from "../support/otlp-receiver.ts";
import { shownSystemd, trueSystemd } from "../support/truth.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";
import { type Truth, truthOf, truthSince, wrongCounters, wrongRecords } from "./count/compare.ts";
import { LOSSLESS_NODE_ARGS } from "./count/load.ts";

/** Runs unitwatch where the nodes' processes are shown, which is the engine's host. */
const ON_HOST = process.env["UNITWATCH_LIFECYCLE_ON_HOST"] !== undefined;
/** Transport of `auto` to a node with a bus. */
const BEST = ON_HOST ? "socket" : "dbus";

const CLUSTER = clusterName("life");
const labels = { "sind.cluster": CLUSTER };
const SOON = { withinMs: 2_000 };

const LOOP = "loop.service";
const LOOP_FILE = `[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=sh -c 'sleep 0.05; exit 9'
Restart=always
RestartSec=100ms
`;

const GONE_FILE = "[Service]\nExecStart=sleep infinity\n";

const TALK_FILE = `[Service]
ExecStart=sh -c 'for i in $$(seq 100); do echo line $$i; done; exit 3'
`;

/** Refers to units, so that systemd keeps them loaded. */
const KEEPER_FILE = `[Unit]
After=gone.service bad.timer masked.service never.service
${GONE_FILE}`;

// One session on three nodes; in each a service crashes in a loop during every action.
describeEngine("systemd's lifecycle during a crash loop", () => {
  const stack = new AsyncDisposableStack();
  const nodes = new Map<NodeVariant, TestNode>();
  let engine: Engine;
  let receiver: OtlpReceiver;
  let unitwatch: Unitwatch;

  beforeAll(async () => {
    engine = attachEngine();
    receiver = stack.use(await startOtlpReceiver());
    await Promise.all(
      (["full", "no-logind", "no-dbus"] as const).map(async (variant) => {
        const name = `sind-${CLUSTER}-${variant}`;
        const args = LOSSLESS_NODE_ARGS;
        const node = await startNode(engine, { name, labels, variant, args });
        stack.use(node);
        nodes.set(variant, node);
        await node.writeUnit(LOOP, LOOP_FILE);
        await node.writeUnit("gone.service", GONE_FILE);
        await node.writeUnit("bad.timer", "[Timer]\nOnCalendar=whenever\n");
        await node.systemctl("mask", "masked.service");
        await node.writeUnit("keeper.service", KEEPER_FILE);
        await node.startUnit("keeper.service");
      }),
    );
    unitwatch = stack.use(
      await startUnitwatch({
        host: engine.host,
        cluster: CLUSTER,
        env: receiver.env,
        onHostOf: ON_HOST ? engine : undefined,
      }),
    );
    await unitwatch.untilWatching(nodes.size);
  });
  afterAll(() => stack.disposeAsync());

  const nodeOf = (variant: NodeVariant): TestNode => {
    const node = nodes.get(variant);
    if (node === undefined) throw new Error(`there is no node ${variant}`);
    return node;
  };

  /** Waits until this many more failures were counted. */
  const moreFailures = async (node: TestNode, more: number): Promise<void> => {
    const loop = { container: node.name, name: LOOP };
    const total = async (): Promise<number> =>
      (await unitwatch.scrape()).value("systemd_unit_failures_total", loop) ?? 0;
    const wanted = (await total()) + more;
    await unitwatch.until(async () => (await total()) >= wanted);
  };

  /** Expects that counters, records and state of the node equal the truth. */
  const expectTruth = async (node: TestNode, truth: Truth): Promise<void> => {
    await unitwatch.until(async (scrape) => {
      expect(shownSystemd(scrape, node.name)).toEqual(await trueSystemd(node));
      expect(wrongCounters(truth, scrape, node.name)).toEqual([]);
    }, SOON);
    await receiver.until(() => expect(wrongRecords(truth, receiver.logs, node.name)).toEqual([]));
  };

  const duringLoop = async (node: TestNode, action: () => Promise<unknown>): Promise<Truth> => {
    await node.startUnit(LOOP);
    await moreFailures(node, 2);
    await action();
    await moreFailures(node, 2);
    await node.systemctl("stop", LOOP);
    const truth = await truthOf(node);
    await expectTruth(node, truth);
    return truth;
  };
  const systemctl =
    (...args: readonly string[]) =>
    (node: TestNode): Promise<unknown> =>
      node.systemctl(...args);

  const untilWatchedBy = (node: TestNode, transport: string): Promise<unknown> =>
    unitwatch.until(
      (scrape) => scrape.value("unitwatch_systemd_up", { container: node.name, transport }) === 1,
    );

  /** Ends the bus, and starts it again once the private socket is in use. */
  const maskBus = async (node: TestNode): Promise<void> => {
    const units = ["dbus.socket", "dbus.service"];
    await node.systemctl("mask", "--now", ...units);
    await untilWatchedBy(node, "dbus-private");
    await node.systemctl("unmask", ...units);
    await node.systemctl("start", ...units);
    await untilWatchedBy(node, BEST);
  };

  /** Takes the bridge away, and puts it back once busctl is in use. */
  const hideBridge = async (node: TestNode): Promise<void> => {
    const [path, hidden] = ["/usr/bin/systemd-stdio-bridge", "/usr/bin/hidden"];
    await node.exec(["sh", "-c", `mv ${path} ${hidden}; pkill -x systemd-stdio-b`]);
    await untilWatchedBy(node, "busctl");
    await node.exec(["mv", hidden, path]);
    await untilWatchedBy(node, BEST);
  };

  type Action = readonly [string, NodeVariant, (node: TestNode) => Promise<unknown>];
  const OF_BRIDGE: readonly Action[] = [
    ["the bridge is killed", "full", (node) => node.exec(["pkill", "-x", "systemd-stdio-b"])],
    ["the bridge is missing for a while", "no-logind", hideBridge],
  ];

  /** Other actions on the same node show the same: `npm run test:cli` has these too. */
  const WEAKER: readonly Action[] = [
    ["logind is masked", "no-logind", async () => {}],
    ["there is no dbus at all", "no-dbus", async () => {}],
    ["dbus is restarted", "full", systemctl("restart", "dbus")],
    ["daemon-reexec without logind", "no-logind", systemctl("daemon-reexec")],
  ];
  const ACTIONS: readonly Action[] = [
    ...(ON_HOST ? [] : OF_BRIDGE),
    ...(ON_HOST || E2E_RUNTIME === "cli" ? WEAKER : []),
    ["dbus is restarted without logind", "no-logind", systemctl("restart", "dbus")],
    ["daemon-reload", "full", systemctl("daemon-reload")],
    ["daemon-reload without dbus", "no-dbus", systemctl("daemon-reload")],
    ["daemon-reexec", "full", systemctl("daemon-reexec")],
    ["daemon-reexec without dbus", "no-dbus", systemctl("daemon-reexec")],
    ["the bus is masked, and starts again", "full", maskBus],
    [
      "dbus is restarted and systemd re-executes itself",
      "no-logind",
      (node) => node.exec(["sh", "-c", "systemctl restart dbus; systemctl daemon-reexec"]),
    ],
  ];

  test.each(ACTIONS)("counts every failure when %s", async (_name, variant, action) => {
    const node = nodeOf(variant);
    const { failures } = await duringLoop(node, () => action(node));
    expect(failures.length).toBeGreaterThanOrEqual(4);
  });

  test("counts every failure when the node is paused for 10 s", async () => {
    const node = nodeOf("full");
    const before = await truthOf(node);
    const truth = await duringLoop(node, async () => {
      await node.pause();
      await unitwatch.until(
        (scrape) =>
          scrape.value("container_state_status", { container: node.name, state: "paused" }) === 1,
        SOON,
      );
      await delay(10_000);
      await node.unpause();
    });
    const times = truthSince(truth, before).failures.map(({ timeUs }) => timeUs);
    const gaps = times.slice(1).map((timeUs, index) => timeUs - (times[index] ?? timeUs));
    expect(Math.max(...gaps)).toBeGreaterThan(9_000_000);
  });

  // As the kernel holds a process that waits for a file system: only its parent can stop PID 1 so.
  test("shows that systemd hangs, and counts every failure over the same stream when it goes on", async () => {
    const valueOf = async (node: TestNode, metric: string): Promise<number | undefined> =>
      (await unitwatch.scrape()).value(metric, { container: node.name });
    const untilUp = (node: TestNode, up: number, withinMs: number): Promise<unknown> =>
      unitwatch.until(async () => expect(await valueOf(node, "unitwatch_systemd_up")).toBe(up), {
        withinMs,
      });
    const hang = async (node: TestNode): Promise<void> => {
      const streams = await valueOf(node, "unitwatch_systemd_reconnects_total");
      await node.kill("SIGSTOP");
      await untilUp(node, 0, 60_000);
      await node.kill("SIGCONT");
      await untilUp(node, 1, 5_000);
      expect(await valueOf(node, "unitwatch_systemd_reconnects_total")).toBe(streams);
    };
    const nodesThatHang = [nodeOf("full"), nodeOf("no-dbus")];
    await Promise.all(nodesThatHang.map((node) => duringLoop(node, () => hang(node))));
    const lines = unitwatch.log.filter((line) =>
      JSON.stringify(line).includes("systemd doesn't answer"),
    );
    expect(lines).toHaveLength(nodesThatHang.length);
  });

  test.each(["full", "no-dbus"] as const)(
    "shows what systemd can't load, and nothing that it can't find, on the node %s",
    async (variant) => {
      const node = nodeOf(variant);
      expect(await node.systemctl("show", "--property=LoadState", "--value", "never.service")).toBe(
        "not-found",
      );
      const scrape = await unitwatch.scrape();
      const of = { container: node.name };
      const faults = scrape.select("systemd_unit_load_state", of).map(({ labels }) => labels);
      expect(faults).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ name: "bad.timer", load_state: "bad-setting" }),
          expect.objectContaining({ name: "masked.service", load_state: "masked" }),
        ]),
      );
      expect(scrape.select("systemd_unit_state", { ...of, name: "never.service" })).toEqual([]);
      expect(shownSystemd(scrape, node.name)).toEqual(await trueSystemd(node));
    },
  );

  test("follows units whose files are deleted", async () => {
    const node = nodeOf("full");
    const stateOf = (unit: string) => async (): Promise<string | undefined> =>
      shownSystemd(await unitwatch.scrape(), node.name).states[unit];
    const deleteFile = async (unit: string): Promise<void> => {
      await node.exec(["rm", `/etc/systemd/system/${unit}`]);
      await node.systemctl("daemon-reload");
    };
    await duringLoop(node, async () => {
      await node.startUnit("gone.service");
      await unitwatch.until(async () => (await stateOf("gone.service")()) === "active", SOON);
      await deleteFile("gone.service");
      // It keeps running without its file, and systemd doesn't find it any more.
      await unitwatch.until(async () => (await stateOf("gone.service")()) === undefined, SOON);
      await node.systemctl("stop", "gone.service");
    });
    // A file that is there again, without a reload.
    await node.exec(["sh", "-c", "cat >/etc/systemd/system/gone.service"], { input: GONE_FILE });
    await node.startUnit("gone.service");
    await unitwatch.until(async () => (await stateOf("gone.service")()) === "active", SOON);
    await node.systemctl("stop", "gone.service");
    await expectTruth(node, await truthOf(node));

    await receiver.until((logs) => {
      const ofUnit = logs
        .filter(({ attributes }) => attributes["container.name"] === node.name)
        .filter(({ attributes }) => attributes["systemd.unit.name"] === "gone.service")
        .map(({ eventName }) => eventName);
      expect(ofUnit).toEqual([
        "systemd.unit.active",
        "systemd.unit.removed",
        "systemd.unit.active",
      ]);
    });
  });

  const expectLastLines = (lines: readonly ReceivedLog[]): void => {
    expect(lines).toHaveLength(20);
    const said = lines.filter((log) => log.attributes["syslog.identifier"] === "sh");
    const last = Array.from(said, (_, at) => `line ${100 - said.length + at + 1}`);
    expect(said.map(({ body }) => body)).toEqual(last);
    const systemd = lines.filter((log) => log.attributes["process.pid"] === 1);
    expect(systemd.map(({ body }) => body)).toContain(
      "talk.service: Failed with result 'exit-code'.",
    );
    expect(said.length + systemd.length).toBe(20);
  };

  test("sends the last lines of each run that fails, also of one that it missed", async () => {
    const node = nodeOf("full");
    await node.writeUnit("talk.service", TALK_FILE);
    const run = async (script: string): Promise<void> => {
      await node.exec(["sh", "-c", `${script}; systemctl start --wait talk.service || true`]);
    };
    const untilLines = (runs: number): Promise<void> =>
      receiver.until((logs) => {
        const own = logs.filter(
          ({ attributes }) => attributes["systemd.unit.name"] === "talk.service",
        );
        const failures = own.filter(({ eventName }) => eventName === "systemd.unit.failed");
        expect(failures).toHaveLength(runs);
        for (const { attributes } of failures) {
          const uid = attributes["log.record.uid"];
          expectLastLines(own.filter((log) => log.attributes["unitwatch.failure.uid"] === uid));
        }
      });
    await run(":");
    // The journal takes lines that it reads in a later run for lines of that run.
    await untilLines(1);
    await run("pkill -x systemd-stdio-b");
    await untilLines(2);
    const query = new URLSearchParams({ container: node.name, unit: "talk.service" });
    const { text } = await unitwatch.get(`/api/v1/state?${query.toString()}`);
    const [container] = (JSON.parse(text) as StatusReport).containers;
    const shown = container?.units[0]?.lastLines?.map(({ message }) => message);
    expect(shown).toHaveLength(20);
    expect(shown).toContain("line 100");
    await node.systemctl("reset-failed", "talk.service");
  });

  test("counts every failure when 12 containers start and are removed", async () => {
    const node = nodeOf("no-logind");
    const names = Array.from({ length: 12 }, (_, index) => `sind-${CLUSTER}-brief-${index}`);
    const waiting = [...names];
    await duringLoop(node, async () => {
      const worker = async (): Promise<void> => {
        for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
          const container = await startContainer(engine, { name, labels });
          await container.remove();
        }
      };
      await Promise.all(Array.from({ length: 4 }, worker));
    });
    const counts = (name: string, event: string): number =>
      receiver.logs.filter(
        ({ eventName, attributes }) =>
          eventName === `docker.container.${event}` && attributes["container.name"] === name,
      ).length;
    await receiver.until(() => {
      for (const name of names) {
        const logged = ["create", "start", "die", "destroy"].map((event) => counts(name, event));
        expect([name, ...logged]).toEqual([name, 1, 1, 1, 1]);
      }
    });
    const scrape = await unitwatch.scrape();
    for (const container of names) {
      expect(scrape.value("container_starts_total", { container })).toBe(1);
      expect(scrape.by("exit_code", "container_exits_total", { container })).toEqual({ "137": 1 });
      expect(scrape.value("container_state_status", { container, state: "running" })).toBe(0);
    }
  });

  test("counts failures when the node is killed and its journal is lost", async () => {
    const node = nodeOf("no-dbus");
    const loop = { container: node.name, name: LOOP };
    const counted = async (): Promise<number> =>
      (await unitwatch.scrape()).value("systemd_unit_failures_total", loop) ?? 0;
    await node.exec(["sh", "-c", "rm -rf /var/log/journal && systemctl restart systemd-journald"]);
    const earlier = await counted();
    await node.startUnit(LOOP);
    await moreFailures(node, 2);
    const lost = await truthOf(node);
    await node.kill();
    await node.start();
    await node.ready();
    await unitwatch.untilWatching(nodes.size);
    await node.startUnit(LOOP);
    await moreFailures(node, 2);
    await node.systemctl("stop", LOOP);

    const kept = await truthOf(node);
    expect(kept.failures.map(({ timeUs }) => timeUs)).not.toContain(lost.failures[0]?.timeUs);
    await unitwatch.until(async (scrape) => {
      expect(shownSystemd(scrape, node.name)).toEqual(await trueSystemd(node));
    }, SOON);
    // Every failure of the journal is counted, and none is logged twice.
    const total = await counted();
    const known = lost.failures.length + kept.failures.length;
    expect(total - earlier).toBeGreaterThanOrEqual(known);
    await receiver.until((logs) => {
      const logged = logs.filter(
        ({ eventName, attributes }) =>
          eventName === "systemd.unit.failed" && attributes["container.name"] === node.name,
      );
      expect(new Set(logged.map((log) => log.attributes["log.record.uid"])).size).toBe(total);
      expect(logged).toHaveLength(total);
    });
  });

  /**
   * Waits until the state is shown. The bus goes first when systemd stops, so that the watch may have
   * to come back by another transport.
   */
  const untilSystem = async (node: TestNode, state: string): Promise<void> => {
    const of = { container: node.name, state };
    await unitwatch.until((scrape) => scrape.value("systemd_system_state", of) === 1);
  };

  test.each(["full", "no-logind", "no-dbus"] as const)(
    "shows that systemd stops when the node %s is stopped, and that it goes on",
    async (variant) => {
      const node = nodeOf(variant);
      const stop = "sh -c 'until [ -e /run/go-on ]; do sleep 0.05; done'";
      await node.writeUnit("slow.service", `${GONE_FILE}ExecStop=${stop}\n`);
      await node.startUnit("slow.service");
      const seen = receiver.logs.length;
      await node.systemctl("start", "--no-block", "poweroff.target");
      await untilSystem(node, "stopping");
      await node.systemctl("cancel");
      await untilSystem(node, "running");

      const stopped = node.stop(30);
      await untilSystem(node, "stopping");
      await node.exec(["touch", "/run/go-on"]);
      await stopped;
      await receiver.until((logs) => {
        const states = logs
          .slice(seen)
          .filter(({ attributes }) => attributes["container.name"] === node.name)
          .filter(({ eventName }) => eventName === "systemd.system.state")
          .map(({ body }) => String(body).split(" ").at(-1));
        expect(states).toEqual(["stopping.", "running.", "stopping."]);
      });
    },
  );

  test("logs no error", () => {
    expect(unitwatch.log.filter(({ level }) => level === "error")).toEqual([]);
  });
});
