import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { clusterName } from "../support/e2e-runtime.ts";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import {
  createContainer,
  oomContainer,
  startContainer,
  type TestContainer,
} from "../support/engine/container.ts";
import type { Engine } from "../support/engine/docker.ts";
import { shownContainer, trueContainer } from "../support/truth.ts";
import {
  during,
  expectEngineEvents,
  expectWellFormed,
  expectWithin,
  startWatchedSession,
  type WatchedSession,
} from "../support/watched-session.ts";

const CLUSTER = clusterName("containers");
const labels = { "sind.cluster": CLUSTER };
/** Containers that the walk removes. */
const REMOVED = ["gone", "removed"].map((node) => `sind-${CLUSTER}-${node}`);
/** Limit until state agrees after the last fault. */
const SOON = { withinMs: 2_000 };

// One session of several actions; the last tests check the result of all of them.
describeEngine("the walk through containers", () => {
  const stack = new AsyncDisposableStack();
  const containers: TestContainer[] = [];
  let engine: Engine;
  let session: WatchedSession;

  beforeAll(async () => {
    engine = attachEngine();
    session = stack.use(await startWatchedSession(engine, { cluster: CLUSTER, nodes: 0 }));
  });
  afterAll(() => stack.disposeAsync());

  const watched = (container: TestContainer): TestContainer => {
    stack.use(container);
    containers.push(container);
    return container;
  };

  test("follows a container that is paused, stopped, restarted and killed", async () => {
    const name = `sind-${CLUSTER}-web`;
    const web = watched(await startContainer(engine, { name, labels }));
    const pause = await during(web.pause);
    await session.unitwatch.until(async () => {
      const { pausedSince, status } = await session.unitwatch.container(name);
      expect(status).toBe("paused");
      const sinceMs = Date.parse(pausedSince ?? "");
      expect(sinceMs).toBeGreaterThanOrEqual(Number(pause.fromNs / 1_000_000n));
      expect(sinceMs).toBeLessThanOrEqual(Number(pause.toNs / 1_000_000n));
    }, SOON);
    const unpause = await during(web.unpause);
    const stop = await during(() => web.stop());
    await session.unitwatch.until(async () => {
      const { status, end, pausedSince } = await session.unitwatch.container(name);
      expect({ status, end, pausedSince }).toEqual({
        status: "exited",
        end: { by: "stop", signal: "SIGTERM" },
        pausedSince: null,
      });
    }, SOON);
    const start = await during(web.start);
    await web.untilTrapSet(2);
    const restart = await during(() => web.restart());
    const kill = await during(() => web.kill());

    await session.unitwatch.until(async (scrape) => {
      expect(shownContainer(scrape, name)).toEqual(await trueContainer(web));
      expect(scrape.value("container_starts_total", { container: name })).toBe(3);
      expect(scrape.by("exit_code", "container_exits_total", { container: name })).toEqual({
        "0": 2,
        "137": 1,
      });
      expect(scrape.value("container_last_exit_code", { container: name })).toBe(137);
      expect(scrape.value("container_restarts_total", { container: name })).toBe(0);
      expect(scrape.value("container_oom_events_total", { container: name })).toBe(0);
      const { end } = await session.unitwatch.container(name);
      expect(end).toEqual({ by: "kill", signal: "SIGKILL" });
    }, SOON);
    await session.arrived(3, name, "docker.container.die");
    await session.arrived(3, name, "docker.container.start");
    const [stopped, restarted, killed] = session.logsOf(name, "docker.container.die");
    expect(stopped).toMatchObject({ severityText: "INFO", attributes: { "process.exit.code": 0 } });
    expect(killed).toMatchObject({
      severityNumber: 17,
      severityText: "ERROR",
      body: `Container ${name} exited with code 137 (SIGKILL).`,
      attributes: { "process.exit.code": 137 },
    });
    expectWithin(pause, session.logsOf(name, "docker.container.pause")[0]);
    expectWithin(unpause, session.logsOf(name, "docker.container.unpause")[0]);
    expectWithin(stop, stopped);
    expectWithin(restart, restarted);
    expectWithin(kill, killed);
    expectWithin(start, session.logsOf(name, "docker.container.start")[1]);
    expect(session.logsOf(name, "docker.container.restart")).toEqual([]);
  });

  test("counts a restart by the restart policy", async () => {
    const name = `sind-${CLUSTER}-loop`;
    const args = ["--restart=on-failure:2"];
    const command = ["sh", "-c", "sleep 0.2; exit 5"];
    const loop = watched(await startContainer(engine, { name, labels, args, command }));

    await session.unitwatch.until(async (scrape) => {
      const { RestartCount } = await loop.inspect();
      expect(RestartCount).toBe(2);
      expect(shownContainer(scrape, name)).toEqual(await trueContainer(loop));
      expect(shownContainer(scrape, name).status).toBe("exited");
      expect(scrape.value("container_restarts_total", { container: name })).toBe(2);
      expect(scrape.value("container_starts_total", { container: name })).toBe(3);
      expect(scrape.by("exit_code", "container_exits_total", { container: name })).toEqual({
        "5": 3,
      });
      expect((await session.unitwatch.container(name)).end).toEqual({ by: "itself", signal: null });
    });
    await session.arrived(2, name, "docker.container.restart");
    const restarts = session.logsOf(name, "docker.container.restart");
    for (const log of restarts) {
      expect(log).toMatchObject({ severityNumber: 13, severityText: "WARN" });
    }
    // A restart has the time of the exit that leads to it: its event's, or inspect's shortly before.
    for (const [i, { timeNs }] of restarts.entries()) {
      const [start, exit] = [
        session.events.of(name, "start")[i],
        session.events.of(name, "die")[i],
      ];
      expect(Number(timeNs)).toBeGreaterThan(start?.timeNano ?? Number.NaN);
      expect(Number(timeNs)).toBeLessThanOrEqual(exit?.timeNano ?? Number.NaN);
    }
  });

  test("continues counters and last exit when a container is recreated as Compose does", async () => {
    const name = `sind-${CLUSTER}-service`;
    const old = await startContainer(engine, { name, labels });
    await old.restart();
    await old.untilTrapSet(2);
    const renamed = watched(await createContainer(engine, { name: `${name}-new`, labels }));
    await old.stop();
    await old.remove();
    await renamed.rename(name);
    await renamed.start();

    await session.unitwatch.until(async (scrape) => {
      expect(shownContainer(scrape, name).status).toBe("running");
      expect(scrape.value("container_info", { container_id: renamed.id })).toBe(1);
      expect(scrape.value("container_starts_total", { container: name })).toBe(3);
      expect(scrape.by("exit_code", "container_exits_total", { container: name })).toEqual({
        "0": 2,
      });
      expect(scrape.value("container_last_exit_code", { container: name })).toBe(0);
      expect(scrape.select("container_info", { container: `${name}-new` })).toEqual([]);
    }, SOON);
    // Its own last exit, for the comparison with inspect at the end.
    await renamed.kill();
  });

  test("shows what became of containers that were waiting for a restart", async () => {
    const source = mkdtempSync(join(tmpdir(), "unitwatch-bind-"));
    stack.defer(() => rmSync(source, { recursive: true, force: true }));
    /** Starts a container that crashes, and waits until its fourth restart is shown as awaited. */
    const waiting = async (node: string, ...args: string[]): Promise<TestContainer> => {
      const name = `sind-${CLUSTER}-${node}`;
      const command = ["sh", "-c", "sleep 0.2; exit 3"];
      args.push("--restart=always");
      const container = await startContainer(engine, { name, labels, args, command });
      await session.unitwatch.until(async (scrape) => {
        const { RestartCount, State } = await container.inspect();
        expect([RestartCount >= 4, State.Status]).toEqual([true, "restarting"]);
        expect(shownContainer(scrape, name).status).toBe("restarting");
      });
      return container;
    };

    const stopped = watched(await waiting("stopped"));
    await stopped.stop();
    await session.unitwatch.until(async (scrape) => {
      expect(shownContainer(scrape, stopped.name).status).toBe("exited");
      expect(shownContainer(scrape, stopped.name)).toEqual(await trueContainer(stopped));
    }, SOON);

    // Its start fails without an event.
    const unheard = watched(
      await waiting("unheard", `--mount=type=bind,src=${source},dst=/source`),
    );
    rmSync(source, { recursive: true });
    await engine.docker(["wait", unheard.id]);

    const removed = await waiting("removed");
    await removed.remove();
    await session.unitwatch.until((scrape) => {
      expect(shownContainer(scrape, removed.name).status).toBe("exited");
    }, SOON);

    await session.unitwatch.until(async (scrape) => {
      expect(shownContainer(scrape, unheard.name).status).toBe("exited");
      expect(shownContainer(scrape, unheard.name)).toEqual(await trueContainer(unheard));
    });
    expect(session.logsOf(stopped.name, "docker.container.stop")).toEqual([]);
  });

  test("counts an OOM kill", async () => {
    const name = `sind-${CLUSTER}-hog`;
    const hog = watched(await oomContainer(engine, { name, labels }));
    await hog.wait();

    await session.unitwatch.until(async (scrape) => {
      expect(shownContainer(scrape, name)).toEqual(await trueContainer(hog));
      // The engine can send two for one kill, or none.
      const events = Math.max(1, session.events.of(name, "oom").length);
      expect(scrape.value("container_oom_events_total", { container: name })).toBe(events);
      expect(scrape.by("exit_code", "container_exits_total", { container: name })).toEqual({
        "137": 1,
      });
      const { end, lastOom, memoryLimitBytes, trouble } = await session.unitwatch.container(name);
      expect(end).toEqual({ by: "oom", signal: null });
      expect(lastOom?.units).toEqual([]);
      expect(memoryLimitBytes).toBe(16 * 2 ** 20);
      expect(trouble.reasons).toContain("exited with code 137 (SIGKILL): out of memory");
    }, SOON);
    // If the event comes late, OOMKilled stays false.
    const { OOMKilled } = (await hog.inspect()).State;
    expect(OOMKilled || session.events.of(name, "oom").length > 0).toBe(true);
    const events = Math.max(1, session.events.of(name, "oom").length);
    await session.arrived(events, name, "docker.container.oom");
    expect(session.logsOf(name, "docker.container.oom")[0]).toMatchObject({
      severityNumber: 17,
      severityText: "ERROR",
    });
  });

  test("follows the removal of a container", async () => {
    const name = `sind-${CLUSTER}-gone`;
    const gone = await startContainer(engine, { name, labels });
    const span = await during(gone.remove);

    await session.arrived(1, name, "docker.container.destroy");
    expectWithin(span, session.logsOf(name, "docker.container.destroy")[0]);
    const scrape = await session.unitwatch.scrape();
    expect(shownContainer(scrape, name).status).not.toBe("running");
    expect(scrape.by("exit_code", "container_exits_total", { container: name })).toEqual({
      "137": 1,
    });
  });

  test("has the state of docker inspect at the end", async () => {
    await session.unitwatch.until(async (scrape) => {
      for (const container of containers) {
        expect(shownContainer(scrape, container.name)).toEqual(await trueContainer(container));
      }
      const shown = scrape.select("container_info").map(({ labels }) => labels["container"]);
      const made = [...containers.map(({ name }) => name), ...REMOVED];
      expect(new Set(shown)).toEqual(new Set(made));
    }, SOON);
  });

  test("has counted and logged the engine's events at the end", async () => {
    const names = [...containers.map(({ name }) => name), ...REMOVED];
    const actions = await expectEngineEvents(session, names);
    expect([...actions]).toEqual(
      expect.arrayContaining(["create", "start", "die", "oom", "pause", "unpause", "destroy"]),
    );
  });

  test("has sent only well-formed records at the end", () => {
    expect(session.receiver.logs.length).toBeGreaterThan(20);
    expectWellFormed(session.receiver.logs, CLUSTER);
  });

  test("has logged no warning at the end", async () => {
    const exit = await session.unitwatch.stop();

    expect(exit).toEqual({ code: 0, signal: null });
    expect(
      session.unitwatch.log.filter(({ level }) => level !== "info" && level !== "warn"),
    ).toEqual([]);
  });
});
