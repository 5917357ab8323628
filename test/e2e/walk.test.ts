import { closeSync, openSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { StatusReport } from "../../src/domain/status.ts";
import { clusterName } from "../support/e2e-runtime.ts";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import { startCommand } from "../support/command.ts";
import type { Engine } from "../support/engine/docker.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";
import { eventually } from "../support/eventually.ts";
import { promtool } from "../support/promtool.ts";
import {
  shownContainer,
  shownFailures,
  shownSystemd,
  trueContainer,
  trueFailures,
  trueSystemd,
} from "../support/truth.ts";
import {
  during,
  expectEngineEvents,
  expectWellFormed,
  expectWithin,
  startWatchedSession,
  type WatchedSession,
} from "../support/watched-session.ts";
import { truthOf, wrongCounters, wrongRecords } from "./count/compare.ts";

const CLUSTER = clusterName("walk");
const NODE = `sind-${CLUSTER}-controller`;
/** Limit until state agrees after the last fault. */
const SOON = { withinMs: 2_000 };

const HOG = `[Service]
MemoryMax=20M
ExecStart=sh -c 'x=$$(head -c 80000000 /dev/zero | tr "\\\\0" a); echo $$x | wc -c'
`;

// One session of several actions; the last tests check the result of all of them.
describeEngine("the walk through a node", () => {
  const stack = new AsyncDisposableStack();
  let engine: Engine;
  let node: TestNode;
  let session: WatchedSession;

  beforeAll(async () => {
    engine = attachEngine();
    const labels = { "sind.cluster": CLUSTER };
    node = stack.use(await startNode(engine, { name: NODE, labels }));
    // Keeps the journal when the container's /run is gone.
    await node.exec(["sh", "-c", "mkdir -p /var/log/journal && journalctl --flush"]);
    session = stack.use(await startWatchedSession(engine, { cluster: CLUSTER, nodes: 1 }));
  });
  afterAll(() => stack.disposeAsync());

  const failures = (unit: string) => ({ container: NODE, name: unit });

  test("says which process of a service the kernel killed for lack of memory", async () => {
    const unit = "hog.service";
    await node.writeUnit(unit, HOG);
    await node.tryExec(["systemctl", "start", unit]);
    await node.waitUnit(unit, "failed");
    await session.unitwatch.until(async () => {
      const query = `/api/v1/state?container=${NODE}&unit=${unit}`;
      const { containers } = JSON.parse((await session.unitwatch.get(query)).text) as StatusReport;
      const kernel = { process: "sh", limitBytes: 20 * 2 ** 20, knownBy: "kernel" };
      // Without the right to read the kernel's log, the Result of systemd alone says so: with cgroup v2.
      const isAnswered = containers[0]?.units[0]?.result === "signal" ? null : expect.anything();
      expect(containers[0]?.units).toMatchObject([
        { name: unit, activeState: "failed", oomKill: canReadKernelLog() ? kernel : isAnswered },
      ]);
    });
  });

  test("counts a service that exits with a status", async () => {
    const unit = "exits.service";
    await node.writeUnit(unit, "[Service]\nExecStart=sh -c 'exit 3'\n");
    const span = await during(async () => {
      await node.startUnit(unit);
      await node.waitUnit(unit, "failed");
    });

    await session.unitwatch.until((scrape) => {
      expect(scrape.by("result", "systemd_unit_failures_total", failures(unit))).toEqual({
        "exit-code": 1,
      });
      expect(shownSystemd(scrape, NODE).states[unit]).toBe("failed");
      expect(shownSystemd(scrape, NODE).systemState).toBe("degraded");
    }, SOON);
    await session.arrived(1, NODE, "systemd.unit.failed", unit);
    const [log] = session.logsOf(NODE, "systemd.unit.failed", unit);
    expect(log).toMatchObject({
      severityNumber: 17,
      severityText: "ERROR",
      body: `Unit ${unit} in ${NODE} failed: exit-code, exit status 3.`,
      attributes: {
        "systemd.unit.type": "service",
        "systemd.unit.active_state": "failed",
        "systemd.unit.sub_state": "failed",
        "systemd.unit.previous_state": "active",
        "systemd.service.result": "exit-code",
        "process.exit.code": 3,
        "unitwatch.recovered": false,
      },
    });
    expectWithin(span, log);
  });

  test("counts a service that is killed", async () => {
    const unit = "victim.service";
    await node.writeUnit(unit, "[Service]\nExecStart=sleep infinity\n");
    await node.startUnit(unit);
    const span = await during(async () => {
      await node.crash(unit, "SIGKILL");
      await node.waitUnit(unit, "failed");
    });

    await session.arrived(1, NODE, "systemd.unit.failed", unit);
    const [log] = session.logsOf(NODE, "systemd.unit.failed", unit);
    expect(log?.attributes).toMatchObject({ "systemd.service.result": "signal" });
    expect(log?.attributes).not.toHaveProperty("process.exit.code");
    expectWithin(span, log);
  });

  test("follows a service that recovers", async () => {
    const unit = "exits.service";
    await node.writeUnit(unit, "[Service]\nExecStart=sleep infinity\n");
    const span = await during(() => node.startUnit(unit));

    await session.unitwatch.until(
      (scrape) => shownSystemd(scrape, NODE).states[unit] === "active",
      SOON,
    );
    await session.receiver.until(
      () => session.logsOf(NODE, "systemd.unit.active", unit).length > 1,
    );
    const log = session.logsOf(NODE, "systemd.unit.active", unit).at(-1);
    expect(log).toMatchObject({
      severityNumber: 9,
      severityText: "INFO",
      body: `Unit ${unit} in ${NODE} is active.`,
      attributes: { "systemd.unit.active_state": "active", "systemd.unit.sub_state": "running" },
    });
    expectWithin(span, log);
  });

  test("counts each crash of a loop up to the start limit", async () => {
    const unit = "loop.service";
    const limit = "[Unit]\nStartLimitBurst=4\nStartLimitIntervalSec=1min\n";
    const service = "[Service]\nExecStart=sh -c 'exit 7'\nRestart=on-failure\nRestartSec=20ms\n";
    await node.writeUnit(unit, limit + service);
    const span = await during(async () => {
      await node.startUnit(unit);
      await eventually(async () => {
        expect((await trueFailures(node)).filter((each) => each.unit === unit)).toHaveLength(5);
      });
      // A restart has the time at which it was observed.
      await session.arrived(4, NODE, "systemd.unit.restart", unit);
    });

    // Each crash, and the fifth start, which systemd refused.
    await session.unitwatch.until((scrape) => {
      expect(scrape.by("result", "systemd_unit_failures_total", failures(unit))).toEqual({
        "exit-code": 5,
      });
      expect(scrape.value("systemd_service_restart_total", failures(unit))).toBe(4);
    }, SOON);
    const { units } = await session.unitwatch.container(NODE);
    const { startLimitHit, endedWith } = units.find(({ name }) => name === unit) ?? {};
    expect({ startLimitHit, endedWith }).toEqual({ startLimitHit: true, endedWith: "7" });
    await session.arrived(5, NODE, "systemd.unit.failed", unit);
    const restarts = session.logsOf(NODE, "systemd.unit.restart", unit);
    expect(restarts.map((log) => log.attributes["systemd.service.restarts"])).toEqual([1, 2, 3, 4]);
    for (const log of restarts) {
      expect(log).toMatchObject({ severityNumber: 13, severityText: "WARN" });
      expectWithin(span, log);
    }
  });

  test("counts units that fail in other ways", async () => {
    const sleeps = "ExecStart=sleep infinity\n";
    await node.writeUnit("late.service", `[Service]\nType=notify\nTimeoutStartSec=50ms\n${sleeps}`);
    await node.writeUnit("stuck.service", `[Service]\nWatchdogSec=50ms\n${sleeps}`);
    await node.writeUnit("missing.service", "[Service]\nExecStart=/nowhere\n");
    await node.writeUnit("shut.socket", "[Socket]\nListenStream=/proc/nowhere/socket\n");
    await node.writeUnit("shut.service", `[Service]\n${sleeps}`);
    for (const unit of ["late.service", "stuck.service", "missing.service", "shut.socket"]) {
      await node.tryExec(["systemctl", "start", "--no-block", unit]);
      await node.waitUnit(unit, "failed");
    }

    await session.unitwatch.until((scrape) => {
      expect(shownFailures(scrape, NODE)).toMatchObject({
        "late.service": { timeout: 1 },
        "stuck.service": { watchdog: 1 },
        "missing.service": { "exit-code": 1 },
        "shut.socket": { resources: 1 },
      });
    }, SOON);
    const { units } = await session.unitwatch.container(NODE);
    const endOf = (unit: string) => units.find(({ name }) => name === unit)?.endedWith;
    expect(["late.service", "stuck.service", "missing.service"].map(endOf)).toEqual([
      "SIGTERM",
      "SIGABRT",
      "203/EXEC",
    ]);
    const why = "why           exit-code, status 203/EXEC: the program can't be executed";
    const url = `--url=http://127.0.0.1:${session.unitwatch.port}`;
    const asked = ["status", url, "controller", "missing"];
    const read = ["status", "--url=none", `--watch.cluster=${CLUSTER}`, NODE, "missing"];
    for (const args of [asked, read]) {
      await using command = startCommand(engine.host, args);
      const { code, stdout, stderr } = await command.exited;
      expect([code, stderr]).toEqual([0, ""]);
      for (const line of [why, "program       /nowhere", "Failed with result 'exit-code'"]) {
        expect(stdout).toContain(line);
      }
    }
  });

  test("follows units that are created and removed", async () => {
    const run = ["systemd-run", "--collect", "--wait", "--unit=brief"];
    expect((await node.tryExec([...run, "false"])).exitCode).toBe(1);
    await node.systemctl("reset-failed", "victim.service");

    await session.unitwatch.until(async (scrape) => {
      const { states } = shownSystemd(scrape, NODE);
      expect(states).not.toHaveProperty(["brief.service"]);
      expect(states).not.toHaveProperty(["victim.service"]);
      expect(shownSystemd(scrape, NODE)).toEqual(await trueSystemd(node));
    }, SOON);
    await session.arrived(1, NODE, "systemd.unit.failed", "brief.service");
    await session.arrived(1, NODE, "systemd.unit.removed", "brief.service");
    await session.arrived(1, NODE, "systemd.unit.removed", "victim.service");
  });

  test("continues when systemd is reloaded and re-executes itself", async () => {
    await node.systemctl("reset-failed", "late.service");
    await node.exec(["rm", "/etc/systemd/system/late.service"]);
    await node.systemctl("daemon-reload");
    await session.unitwatch.until(async (scrape) => {
      expect(shownSystemd(scrape, NODE).states).not.toHaveProperty(["late.service"]);
      expect(shownSystemd(scrape, NODE)).toEqual(await trueSystemd(node));
    }, SOON);

    await node.systemctl("daemon-reexec");
    await node.startUnit("shut.service");
    await session.unitwatch.until(async (scrape) => {
      expect(shownSystemd(scrape, NODE).states["shut.service"]).toBe("active");
      expect(shownSystemd(scrape, NODE)).toEqual(await trueSystemd(node));
    }, SOON);
  });

  test("follows a node that is paused, stopped and killed", async () => {
    await node.pause();
    await session.unitwatch.until(
      (scrape) => shownContainer(scrape, NODE).status === "paused",
      SOON,
    );
    await node.unpause();
    await session.unitwatch.until(async (scrape) => {
      expect(shownContainer(scrape, NODE)).toEqual(await trueContainer(node));
      expect(shownSystemd(scrape, NODE)).toEqual(await trueSystemd(node));
    }, SOON);

    await node.stop();
    await session.unitwatch.until(async (scrape) => {
      expect(shownContainer(scrape, NODE)).toEqual(await trueContainer(node));
      expect(scrape.select("systemd_unit_state", { container: NODE })).toEqual([]);
      expect(scrape.select("unitwatch_systemd_up", { container: NODE })).toEqual([]);
    }, SOON);
    await node.start();
    await node.ready();
    await session.unitwatch.untilWatching(1);
    await node.kill();
    await node.start();
    await node.ready();
    await session.unitwatch.untilWatching(1);
    await node.startUnit("victim.service");
    await node.crash("victim.service", "SIGABRT");
    await node.waitUnit("victim.service", "failed");
    await node.restart();
    await node.ready();
    await session.unitwatch.untilWatching(1);
  });

  test("has the state of systemctl and docker inspect at the end", async () => {
    await session.unitwatch.until(async (scrape) => {
      expect(shownSystemd(scrape, NODE)).toEqual(await trueSystemd(node));
      expect(shownContainer(scrape, NODE)).toEqual(await trueContainer(node));
    }, SOON);
  });

  test("has counted and logged the journal's failures at the end", async () => {
    const truth = await truthOf(node);
    const scrape = await session.unitwatch.scrape();

    expect(truth.failures.length).toBeGreaterThan(10);
    expect(wrongCounters(truth, scrape, NODE)).toEqual([]);
    await session.receiver.until((logs) => expect(wrongRecords(truth, logs, NODE)).toEqual([]));
  });

  test("has counted and logged the engine's events of the node at the end", async () => {
    const actions = await expectEngineEvents(session, [NODE]);
    expect([...actions]).toEqual(expect.arrayContaining(["start", "die", "pause", "unpause"]));
  });

  test("has sent only well-formed records at the end", () => {
    expect(session.receiver.logs.length).toBeGreaterThan(30);
    expectWellFormed(session.receiver.logs, CLUSTER);
  });

  test("has metrics that promtool accepts at the end", async () => {
    const { text } = await session.unitwatch.scrape();

    // A gauge with the name of a counter, as in systemd_exporter.
    const { output } = await promtool(["check", "metrics"], text);
    expect(output.trim().split("\n")).toEqual([
      expect.stringMatching(/^systemd_socket_refused_connections_total .*non-counter/),
    ]);
    const bad = await promtool(["check", "metrics"], text.replace("_starts_total", "_starts"));
    expect(bad.output).toContain("container_starts");
  });

  test("has logged no warning at the end", async () => {
    const exit = await session.unitwatch.stop();

    expect(exit).toEqual({ code: 0, signal: null });
    expect(
      session.unitwatch.log.filter(({ level }) => level !== "info" && level !== "warn"),
    ).toEqual([]);
  });
});

function canReadKernelLog(): boolean {
  try {
    closeSync(openSync("/dev/kmsg", "r"));
    return true;
  } catch {
    return false;
  }
}
