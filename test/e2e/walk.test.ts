import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import { oomContainer, startContainer, type TestContainer } from "../support/engine/container.ts";
import type { Engine } from "../support/engine/docker.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";
import { eventually } from "../support/eventually.ts";
import {
  type OtlpReceiver,
  type ReceivedLog,
  startOtlpReceiver,
} from "../support/otlp-receiver.ts";
import { promtool } from "../support/promtool.ts";
import { recordEvents, type RecordedEvents } from "../support/recorded-events.ts";
import {
  countFailures,
  shownContainer,
  shownFailures,
  shownRestarts,
  shownSystemd,
  trueContainer,
  trueFailures,
  trueRestarts,
  trueSystemd,
} from "../support/truth.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";

jest.setTimeout(60_000);

const CLUSTER = "e2ewalk";
const NODE = `sind-${CLUSTER}-controller`;
const labels = { "sind.cluster": CLUSTER };
/** State is to agree this soon after the last fault. */
const SOON = { withinMs: 2_000 };

// One session, in which one thing after the other happens; what is so after all of it is looked at
// in the end.
describeEngine("the main walk", () => {
  const stack = new AsyncDisposableStack();
  const containers: TestContainer[] = [];
  let engine: Engine;
  let events: RecordedEvents;
  let receiver: OtlpReceiver;
  let node: TestNode;
  let unitwatch: Unitwatch;

  beforeAll(async () => {
    engine = attachEngine();
    events = stack.use(recordEvents(engine, CLUSTER));
    [node, receiver] = await Promise.all([
      startNode(engine, { name: NODE, labels }),
      startOtlpReceiver(),
    ]);
    stack.use(node);
    stack.use(receiver);
    containers.push(node);
    // A journal that outlives the container's /run.
    await node.exec(["sh", "-c", "mkdir -p /var/log/journal && journalctl --flush"]);
    unitwatch = await startUnitwatch({ host: engine.host, cluster: CLUSTER, env: receiver.env });
    stack.use(unitwatch);
    await unitwatch.untilWatching(1);
    // What happened before isn't for unitwatch to tell.
    events.forget();
  });
  afterAll(() => stack.disposeAsync());

  const watched = (container: TestContainer): TestContainer => {
    stack.use(container);
    containers.push(container);
    return container;
  };
  const logsOf = (container: string, name: string, unit?: string): ReceivedLog[] =>
    receiver.logs.filter(
      ({ attributes, eventName }) =>
        eventName === name &&
        attributes["container.name"] === container &&
        attributes["systemd.unit.name"] === unit,
    );
  const arrived = (count: number, container: string, name: string, unit?: string) =>
    receiver.until(() => expect(logsOf(container, name, unit)).toHaveLength(count));
  const failures = (unit: string) => ({ container: NODE, name: unit });

  test("a service exits with a status", async () => {
    const unit = "exits.service";
    await node.writeUnit(unit, "[Service]\nExecStart=sh -c 'exit 3'\n");
    const deed = await during(async () => {
      await node.startUnit(unit);
      await node.waitUnit(unit, "failed");
    });

    await unitwatch.until((scrape) => {
      expect(scrape.by("result", "systemd_unit_failures_total", failures(unit))).toEqual({
        "exit-code": 1,
      });
      expect(shownSystemd(scrape, NODE).states[unit]).toBe("failed");
      expect(shownSystemd(scrape, NODE).systemState).toBe("degraded");
    }, SOON);
    await arrived(1, NODE, "systemd.unit.failed", unit);
    const [log] = logsOf(NODE, "systemd.unit.failed", unit);
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
    expectWithin(deed, log);
  });

  test("a service is killed", async () => {
    const unit = "victim.service";
    await node.writeUnit(unit, "[Service]\nExecStart=sleep infinity\n");
    await node.startUnit(unit);
    const deed = await during(async () => {
      await node.crash(unit, "SIGKILL");
      await node.waitUnit(unit, "failed");
    });

    await arrived(1, NODE, "systemd.unit.failed", unit);
    const [log] = logsOf(NODE, "systemd.unit.failed", unit);
    expect(log?.attributes).toMatchObject({ "systemd.service.result": "signal" });
    expect(log?.attributes).not.toHaveProperty("process.exit.code");
    expectWithin(deed, log);
  });

  test("a service recovers", async () => {
    const unit = "exits.service";
    await node.writeUnit(unit, "[Service]\nExecStart=sleep infinity\n");
    const deed = await during(() => node.startUnit(unit));

    await unitwatch.until((scrape) => shownSystemd(scrape, NODE).states[unit] === "active", SOON);
    await receiver.until(() => logsOf(NODE, "systemd.unit.active", unit).length > 1);
    const log = logsOf(NODE, "systemd.unit.active", unit).at(-1);
    expect(log).toMatchObject({
      severityNumber: 9,
      severityText: "INFO",
      body: `Unit ${unit} in ${NODE} is active.`,
      attributes: { "systemd.unit.active_state": "active", "systemd.unit.sub_state": "running" },
    });
    expectWithin(deed, log);
  });

  test("a service crashes in a loop up to its limit", async () => {
    const unit = "loop.service";
    const limit = "[Unit]\nStartLimitBurst=4\nStartLimitIntervalSec=1min\n";
    const service = "[Service]\nExecStart=sh -c 'exit 7'\nRestart=on-failure\nRestartSec=20ms\n";
    await node.writeUnit(unit, limit + service);
    const deed = await during(async () => {
      await node.startUnit(unit);
      await eventually(async () => {
        expect((await trueFailures(node)).filter((each) => each.unit === unit)).toHaveLength(5);
      });
    });

    // Each crash, and the fifth start that systemd refused.
    await unitwatch.until((scrape) => {
      expect(scrape.by("result", "systemd_unit_failures_total", failures(unit))).toEqual({
        "exit-code": 5,
      });
      expect(scrape.value("systemd_service_restart_total", failures(unit))).toBe(4);
    }, SOON);
    await arrived(5, NODE, "systemd.unit.failed", unit);
    await arrived(4, NODE, "systemd.unit.restart", unit);
    const restarts = logsOf(NODE, "systemd.unit.restart", unit);
    expect(restarts.map((log) => log.attributes["systemd.service.restarts"])).toEqual([1, 2, 3, 4]);
    for (const log of restarts) {
      expect(log).toMatchObject({ severityNumber: 13, severityText: "WARN" });
      expectWithin(deed, log);
    }
  });

  test("units fail in other ways", async () => {
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

    await unitwatch.until((scrape) => {
      expect(shownFailures(scrape, NODE)).toMatchObject({
        "late.service": { timeout: 1 },
        "stuck.service": { watchdog: 1 },
        "missing.service": { "exit-code": 1 },
        "shut.socket": { resources: 1 },
      });
    }, SOON);
  });

  test("units come and go", async () => {
    const run = ["systemd-run", "--collect", "--wait", "--unit=brief"];
    expect((await node.tryExec([...run, "false"])).exitCode).toBe(1);
    await node.systemctl("reset-failed", "victim.service");

    await unitwatch.until(async (scrape) => {
      const { states } = shownSystemd(scrape, NODE);
      expect(states).not.toHaveProperty(["brief.service"]);
      expect(states).not.toHaveProperty(["victim.service"]);
      expect(shownSystemd(scrape, NODE)).toEqual(await trueSystemd(node));
    }, SOON);
    await arrived(1, NODE, "systemd.unit.failed", "brief.service");
    await arrived(1, NODE, "systemd.unit.removed", "brief.service");
    await arrived(1, NODE, "systemd.unit.removed", "victim.service");
  });

  test("systemd is reloaded, and runs itself anew", async () => {
    await node.systemctl("reset-failed", "late.service");
    await node.exec(["rm", "/etc/systemd/system/late.service"]);
    await node.systemctl("daemon-reload");
    await unitwatch.until(async (scrape) => {
      expect(shownSystemd(scrape, NODE).states).not.toHaveProperty(["late.service"]);
      expect(shownSystemd(scrape, NODE)).toEqual(await trueSystemd(node));
    }, SOON);

    await node.systemctl("daemon-reexec");
    await node.startUnit("shut.service");
    await unitwatch.until(async (scrape) => {
      expect(shownSystemd(scrape, NODE).states["shut.service"]).toBe("active");
      expect(shownSystemd(scrape, NODE)).toEqual(await trueSystemd(node));
    }, SOON);
  });

  test("a node is paused, stopped and killed", async () => {
    await node.pause();
    await unitwatch.until((scrape) => shownContainer(scrape, NODE).status === "paused", SOON);
    await node.unpause();
    await unitwatch.until(async (scrape) => {
      expect(shownContainer(scrape, NODE)).toEqual(await trueContainer(node));
      expect(shownSystemd(scrape, NODE)).toEqual(await trueSystemd(node));
    }, SOON);

    await node.stop();
    await unitwatch.until(async (scrape) => {
      expect(shownContainer(scrape, NODE)).toEqual(await trueContainer(node));
      expect(scrape.select("systemd_unit_state", { container: NODE })).toEqual([]);
      expect(scrape.select("unitwatch_systemd_up", { container: NODE })).toEqual([]);
    }, SOON);
    await node.start();
    await node.ready();
    await unitwatch.untilWatching(1);
    await node.kill();
    await node.start();
    await node.ready();
    await unitwatch.untilWatching(1);
    await node.startUnit("victim.service");
    await node.crash("victim.service", "SIGABRT");
    await node.waitUnit("victim.service", "failed");
    await node.restart();
    await node.ready();
    await unitwatch.untilWatching(1);
  });

  test("an ordinary container is paused, stopped, restarted and killed", async () => {
    const name = `sind-${CLUSTER}-web`;
    const web = watched(await startContainer(engine, { name, labels }));
    const deeds = {
      pause: await during(web.pause),
      unpause: await during(web.unpause),
      stop: await during(() => web.stop()),
      start: await during(web.start),
      restart: await during(() => web.restart()),
      kill: await during(() => web.kill()),
    };

    await unitwatch.until(async (scrape) => {
      expect(shownContainer(scrape, name)).toEqual(await trueContainer(web));
      expect(scrape.value("container_starts_total", { container: name })).toBe(3);
      expect(scrape.by("exit_code", "container_exits_total", { container: name })).toEqual({
        "0": 2,
        "137": 1,
      });
      expect(scrape.value("container_last_exit_code", { container: name })).toBe(137);
      expect(scrape.value("container_restarts_total", { container: name })).toBe(0);
      expect(scrape.value("container_oom_events_total", { container: name })).toBe(0);
    }, SOON);
    await arrived(3, name, "docker.container.die");
    await arrived(3, name, "docker.container.start");
    const [stopped, restarted, killed] = logsOf(name, "docker.container.die");
    expect(stopped).toMatchObject({ severityText: "INFO", attributes: { "process.exit.code": 0 } });
    expect(killed).toMatchObject({
      severityNumber: 17,
      severityText: "ERROR",
      body: `Container ${name} exited with code 137.`,
      attributes: { "process.exit.code": 137 },
    });
    expectWithin(deeds.pause, logsOf(name, "docker.container.pause")[0]);
    expectWithin(deeds.unpause, logsOf(name, "docker.container.unpause")[0]);
    expectWithin(deeds.stop, stopped);
    expectWithin(deeds.restart, restarted);
    expectWithin(deeds.kill, killed);
    expectWithin(deeds.start, logsOf(name, "docker.container.start")[1]);
    expect(logsOf(name, "docker.container.restart")).toEqual([]);
  });

  test("a restart policy restarts a container", async () => {
    const name = `sind-${CLUSTER}-loop`;
    const args = ["--restart=on-failure:2"];
    const command = ["sh", "-c", "exit 5"];
    const loop = watched(await startContainer(engine, { name, labels, args, command }));

    await unitwatch.until(async (scrape) => {
      const { RestartCount } = await loop.inspect();
      expect(RestartCount).toBe(2);
      expect(shownContainer(scrape, name)).toEqual(await trueContainer(loop));
      expect(shownContainer(scrape, name).status).toBe("exited");
      expect(scrape.value("container_restarts_total", { container: name })).toBe(2);
      expect(scrape.value("container_starts_total", { container: name })).toBe(3);
      expect(scrape.by("exit_code", "container_exits_total", { container: name })).toEqual({
        "5": 3,
      });
    });
    await arrived(2, name, "docker.container.restart");
    for (const log of logsOf(name, "docker.container.restart")) {
      expect(log).toMatchObject({ severityNumber: 13, severityText: "WARN" });
    }
  });

  test("a container runs out of memory", async () => {
    const name = `sind-${CLUSTER}-hog`;
    const hog = watched(await oomContainer(engine, { name, labels }));
    await hog.wait();

    await unitwatch.until(async (scrape) => {
      expect(shownContainer(scrape, name)).toEqual(await trueContainer(hog));
      expect(scrape.value("container_oom_events_total", { container: name })).toBe(1);
      expect(scrape.by("exit_code", "container_exits_total", { container: name })).toEqual({
        "137": 1,
      });
    }, SOON);
    expect((await hog.inspect()).State.OOMKilled).toBe(true);
    await arrived(1, name, "docker.container.oom");
    expect(logsOf(name, "docker.container.oom")[0]).toMatchObject({
      severityNumber: 17,
      severityText: "ERROR",
    });
  });

  test("a container is removed", async () => {
    const name = `sind-${CLUSTER}-gone`;
    const gone = await startContainer(engine, { name, labels });
    const deed = await during(gone.remove);

    await arrived(1, name, "docker.container.destroy");
    expectWithin(deed, logsOf(name, "docker.container.destroy")[0]);
    const scrape = await unitwatch.scrape();
    expect(shownContainer(scrape, name).status).not.toBe("running");
    expect(scrape.by("exit_code", "container_exits_total", { container: name })).toEqual({
      "137": 1,
    });
  });

  test("in the end, state is as systemctl and docker inspect say", async () => {
    await unitwatch.until(async (scrape) => {
      expect(shownSystemd(scrape, NODE)).toEqual(await trueSystemd(node));
      for (const container of containers) {
        expect(shownContainer(scrape, container.name)).toEqual(await trueContainer(container));
      }
      const shown = scrape.select("container_info").map(({ labels }) => labels["container"]);
      const made = [...containers.map(({ name }) => name), `sind-${CLUSTER}-gone`];
      expect(new Set(shown)).toEqual(new Set(made));
    }, SOON);
  });

  test("in the end, what was counted and told of units is what the journal has", async () => {
    const failures = await trueFailures(node);
    const restarts = await trueRestarts(node);
    const scrape = await unitwatch.scrape();

    expect(failures.length).toBeGreaterThan(10);
    expect(shownFailures(scrape, NODE)).toEqual(countFailures(failures));
    expect(shownRestarts(scrape, NODE)).toEqual(restarts);

    await receiver.until((logs) => {
      const told = logs
        .filter(({ eventName }) => eventName === "systemd.unit.failed")
        .sort(byTime)
        .map(({ attributes, timeNs }) => ({
          unit: attributes["systemd.unit.name"],
          result: attributes["systemd.service.result"],
          timeUs: Number(timeNs / 1000n),
        }));
      const near = failures.map(({ unit, result, timeUs }, index) => ({
        unit,
        result,
        // systemd writes the line and changes the state one right after the other.
        timeUs:
          Math.abs((told[index]?.timeUs ?? 0) - timeUs) < 20_000 ? told[index]?.timeUs : timeUs,
      }));
      expect(told).toEqual(near);
    });
    const restarted: Record<string, number> = {};
    for (const { attributes, eventName } of receiver.logs) {
      if (eventName !== "systemd.unit.restart") continue;
      const unit = String(attributes["systemd.unit.name"]);
      restarted[unit] = (restarted[unit] ?? 0) + 1;
    }
    expect(restarted).toEqual(restarts);
  });

  test.each([
    { action: "create", metric: undefined },
    { action: "start", metric: "container_starts_total" },
    { action: "die", metric: "container_exits_total" },
    { action: "oom", metric: "container_oom_events_total" },
    { action: "pause", metric: undefined },
    { action: "unpause", metric: undefined },
    { action: "destroy", metric: undefined },
  ])("in the end, what was counted and told of $action is what the engine told", async (each) => {
    const { action, metric } = each;
    for (const name of [...containers.map(({ name }) => name), `sind-${CLUSTER}-gone`]) {
      const told = events.of(name, action);
      await receiver.until(() => {
        const logs = logsOf(name, `docker.container.${action}`);
        expect(logs.map(({ timeNs }) => Number(timeNs))).toEqual(
          told.map(({ timeNano }) => timeNano),
        );
      });
      if (metric === undefined) continue;
      const scrape = await unitwatch.scrape();
      const counted = scrape.select(metric, { container: name }).map(({ value }) => value);
      expect(counted.reduce((sum, value) => sum + value, 0)).toBe(told.length);
    }
    expect(events.all.some(({ Action }) => Action === action)).toBe(true);
  });

  test("in the end, all records are well-formed", () => {
    const uids = new Set<unknown>();
    for (const log of receiver.logs) {
      const { attributes, eventName, timeNs, observedNs } = log;
      const kind = eventName.replace(/^(docker|systemd|unitwatch)\./, "");
      expect({ eventName, kind }).toEqual({
        eventName: expect.stringMatching(
          /^(docker\.container|systemd\.(unit|system)|unitwatch\.monitor)\.[a-z]+$/,
        ),
        kind: expect.stringMatching(/^[a-z]+\.[a-z]+$/),
      });
      expect([log.severityNumber, log.severityText]).toEqual(severityOf(kind, attributes));
      expect(log.body).toMatch(/^(?:[A-Z]|systemd )[^\n]*[^.]\.$/);
      expect(log.scope).toEqual({ name: "unitwatch", version: expect.stringMatching(/^\d+\.\d+/) });
      expect(log.resource).toMatchObject({ "service.name": "unitwatch" });
      expect(observedNs).toBeGreaterThanOrEqual(timeNs);
      for (const value of Object.values(attributes)) {
        expect(["string", "number", "boolean"]).toContain(typeof value);
      }
      expect(attributes).toMatchObject({
        "event.name": eventName,
        "container.id": expect.stringMatching(/^[0-9a-f]{64}$/),
        "container.name": expect.stringMatching(`^sind-${CLUSTER}-`),
        "container.image.name": expect.stringMatching("^unitwatch-test/"),
        "container.runtime.name": "docker",
        "unitwatch.cluster": CLUSTER,
        "unitwatch.node": String(attributes["container.name"]).slice(`sind-${CLUSTER}-`.length),
        "unitwatch.recovered": expect.any(Boolean),
        "log.record.uid": expect.stringMatching(/^\S+$/),
      });
      uids.add(attributes["log.record.uid"]);
    }
    expect(uids.size).toBe(receiver.logs.length);
    expect(receiver.logs.length).toBeGreaterThan(50);
  });

  test("in the end, promtool has nothing against the metrics", async () => {
    const { text } = await unitwatch.scrape();

    expect(await promtool(["check", "metrics"], text)).toEqual({ exitCode: 0, output: "" });
    const bad = await promtool(["check", "metrics"], text.replace("_starts_total", "_starts"));
    expect(bad.exitCode).not.toBe(0);
  });

  test("in the end, the log tells of nothing bad", async () => {
    const exit = await unitwatch.stop();

    expect(exit).toEqual({ code: 0, signal: null });
    expect(unitwatch.log.filter(({ level }) => level !== "info" && level !== "warn")).toEqual([]);
  });
});

/** When a deed began and ended, in Unix nanoseconds. */
interface Deed {
  readonly fromNs: bigint;
  readonly toNs: bigint;
}

async function during(deed: () => Promise<unknown>): Promise<Deed> {
  const fromNs = BigInt(Date.now()) * 1_000_000n;
  await deed();
  return { fromNs, toNs: BigInt(Date.now() + 1) * 1_000_000n };
}

function expectWithin({ fromNs, toNs }: Deed, log: ReceivedLog | undefined): void {
  expect(log?.timeNs).toBeGreaterThanOrEqual(fromNs);
  expect(log?.timeNs).toBeLessThanOrEqual(toNs);
}

const byTime = (one: ReceivedLog, other: ReceivedLog): number => Number(one.timeNs - other.timeNs);

/** Number and text. */
function severityOf(kind: string, attributes: ReceivedLog["attributes"]): [number, string] {
  const isBad =
    ["unit.failed", "container.oom", "monitor.error"].includes(kind) ||
    (kind === "container.die" && ![0, 143].includes(Number(attributes["process.exit.code"])));
  if (isBad) return [17, "ERROR"];
  const isOdd = ["unit.restart", "container.restart", "monitor.lost"].includes(kind);
  return isOdd ? [13, "WARN"] : [9, "INFO"];
}
