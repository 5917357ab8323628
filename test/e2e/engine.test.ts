import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { openRuntime } from "../../src/engine/open-runtime.ts";
import { systemClock } from "../../src/platform/time/clock.ts";
import { attachEngine, describeEngine, describePrivateEngine } from "../support/engine/attach.ts";
import { oomContainer, startContainer } from "../support/engine/container.ts";
import type { Engine } from "../support/engine/docker.ts";
import { waitForEvent } from "../support/engine/events.ts";
import { startNode } from "../support/engine/node.ts";
import { type PrivateEngine, startPrivateEngine } from "../support/engine/private-engine.ts";
import { slowMs } from "../support/slowness.ts";

describeEngine("the engine of this run", () => {
  let engine: Engine;
  beforeAll(() => {
    engine = attachEngine();
  });

  test("boots a full node", async () => {
    const labels = { color: "red" };
    await using node = await startNode(engine, { name: "engine-full", labels });

    expect(await node.systemctl("is-system-running")).toBe("running");
    expect(await node.systemctl("is-active", "dbus", "systemd-logind")).toBe("active\nactive");
    expect((await node.inspect()).Config.Labels).toEqual({
      color: "red",
      "unitwatch.test": engine.runId,
    });
    expect(await node.processes()).toContainEqual({
      pid: expect.any(Number),
      args: "/sbin/init",
    });
  });

  test("reports the name of its host, by API and by command", async () => {
    const name = await engine.docker(["info", "--format", "{{.Name}}"]);
    const choice = { command: "docker", host: engine.host, filters: [], clock: systemClock };
    for (const runtime of ["engine", "cli"] as const) {
      const opened = await openRuntime({
        ...choice,
        runtime,
        context: undefined,
        tlsPath: undefined,
      });
      expect(await opened.hostName()).toBe(name);
      opened.close();
    }
  });

  test.each([
    { variant: "no-logind", dbus: "active" },
    { variant: "no-dbus", dbus: "inactive" },
  ] as const)("boots a node with $variant", async ({ variant, dbus }) => {
    await using node = await startNode(engine, { name: `engine-${variant}`, variant });

    expect(await node.ready()).toBe("running");
    const state = await node.tryExec(["systemctl", "is-active", "dbus", "systemd-logind"]);
    expect(state.stdout).toBe(`${dbus}\ninactive`);
  });

  test("crashes a unit with any name", async () => {
    const unit = String.raw`a\x2db@\x22x\x22.service`;
    await using node = await startNode(engine, { name: "engine-unit" });

    await node.writeUnit(unit, "[Service]\nExecStart=sleep infinity\n");
    await node.startUnit(unit);
    expect(await node.systemctl("is-active", "--", unit)).toBe("active");

    await node.crash(unit);
    await node.waitUnit(unit, "failed");
    expect(await node.journal("--unit", unit)).toContainEqual(
      expect.objectContaining({ UNIT: unit, UNIT_RESULT: "signal" }),
    );
  });

  test("reports an OOM kill in an event and in the state", async () => {
    const sinceMs = Date.now();
    await using container = await oomContainer(engine, { name: "engine-oom" });

    const oom = await waitForEvent(engine, { action: "oom", container: container.id, sinceMs });
    expect(oom.Actor.Attributes["name"]).toBe("engine-oom");
    expect(await container.wait()).toBe(137);
    expect((await container.inspect()).State.OOMKilled).toBe(true);
  });
});

describePrivateEngine("a private engine", () => {
  test("restarts while its containers run, and leaves nothing behind", async () => {
    await using engine = await startPrivateEngine({ liveRestore: true });
    const container = await startContainer(engine, { name: "survivor" });
    const paused = await startContainer(engine, { name: "paused" });
    await paused.pause();
    const { StartedAt } = (await container.inspect()).State;

    await engine.stopDaemon();
    await expect(container.inspect()).rejects.toThrow("docker.sock");
    await engine.startDaemon();
    expect((await container.inspect()).State).toMatchObject({ Running: true, StartedAt });

    await engine.killDaemon();
    await engine.startDaemon();
    expect((await container.inspect()).State).toMatchObject({ Running: true, StartedAt });

    const traces = tracesOf(engine);
    expect(traces).toContain(engine.dir);
    expect(traces.length).toBeGreaterThan(8);
    await engine.dispose();
    expect(traces.filter((trace) => existsSync(trace))).toEqual([]);
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(engine.dir);
  });

  test("ends with the process that started it", async () => {
    using owner = await startOwner("private-engine.ts", "startPrivateEngine");
    const traces = tracesOf(owner.engine as PrivateEngine);
    expect(traces.length).toBeGreaterThan(6);

    owner.kill("SIGKILL");
    await gone(traces);
  });

  describe("an existing engine", () => {
    test("keeps running and loses the containers of the process that used it", async () => {
      await using engine = await startPrivateEngine();
      await using other = await startContainer(engine, { name: "other" });
      using owner = await startOwner("engine.ts", "acquireEngine", { DOCKER_HOST: engine.host });
      expect(owner.engine).toMatchObject({ host: engine.host, isPrivate: false });

      const sinceMs = Date.now();
      owner.kill("SIGKILL");
      await waitForEvent(engine, { action: "destroy", container: "owned", sinceMs });
      expect((await other.inspect()).State.Running).toBe(true);
    });
  });
});

/** Returns paths that exist while the engine does: of its processes, its folder, its cgroups. */
function tracesOf({ supervisorPid, dir, runId }: PrivateEngine): string[] {
  const parents = new Map<number, number>();
  for (const pid of readdirSync("/proc").map(Number).filter(Number.isInteger)) {
    const stat = tryRead(`/proc/${pid}/stat`);
    parents.set(pid, Number(stat.slice(stat.lastIndexOf(")")).split(" ")[2]));
  }
  const isOurs = (pid: number): boolean =>
    pid === supervisorPid || (pid > 1 && isOurs(parents.get(pid) ?? 0));
  const pids = [...parents.keys()].filter(isOurs);
  return [...pids.map((pid) => `/proc/${pid}`), dir, ...globSync(`/sys/fs/cgroup/{,*/}*${runId}`)];
}

function tryRead(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Polls, because these processes are no longer children of this one, so that no event marks their end. */
async function gone(paths: readonly string[]): Promise<void> {
  const limit = AbortSignal.timeout(slowMs(20_000));
  while (paths.some((path) => existsSync(path))) await delay(20, undefined, { signal: limit });
}

/** Starts a process that acquires an engine and starts a container `owned` in it. */
async function startOwner(file: string, from: string, env: Record<string, string> = {}) {
  const urlOf = (name: string) =>
    pathToFileURL(join(import.meta.dirname, "../support/engine", name)).href;
  const script = `
    import { ${from} } from ${JSON.stringify(urlOf(file))};
    import { startContainer } from ${JSON.stringify(urlOf("container.ts"))};
    const engine = await ${from}();
    await startContainer(engine, { name: "owned" });
    console.log(JSON.stringify(engine));
    setInterval(() => {}, 1e6);`;
  const owner = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...env },
  });
  const [line] = await once(createInterface({ input: owner.stdout }), "line", {
    signal: AbortSignal.timeout(slowMs(30_000)),
  });
  return {
    engine: JSON.parse(String(line)) as Engine,
    kill: (signal: NodeJS.Signals) => owner.kill(signal),
    [Symbol.dispose]: () => void owner.kill("SIGKILL"),
  };
}
