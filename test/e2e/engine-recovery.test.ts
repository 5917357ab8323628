import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { StatusReport } from "../../src/domain/status.ts";
import { clusterName } from "../support/e2e-runtime.ts";
import { describePrivateEngine } from "../support/engine/attach.ts";
import { startContainer, type TestContainer } from "../support/engine/container.ts";
import { type PrivateEngine, startPrivateEngine } from "../support/engine/private-engine.ts";
import { startNode } from "../support/engine/node.ts";
import { eventually } from "../support/eventually.ts";
import type { Scrape } from "../support/exposition.ts";
import { shownContainer, shownFailures, trueContainer } from "../support/truth.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";

const CLUSTER = clusterName("recovery");
const labels = { "sind.cluster": CLUSTER };

/** Container that a test can end with code 9 while no engine runs. */
interface EndableContainer {
  readonly container: TestContainer;
  /** Ends the container; resolves just before its end. */
  end(): Promise<void>;
}

interface EngineSetup extends AsyncDisposable {
  readonly engine: PrivateEngine;
  container(name: string, ...args: string[]): Promise<TestContainer>;
  endable(name: string, ...args: string[]): Promise<EndableContainer>;
  /** Starts unitwatch with its storage in the folder of this name, and waits until it is ready. */
  unitwatch(data: string): Promise<Unitwatch>;
}

async function openSetup(liveRestore: boolean): Promise<EngineSetup> {
  const engine = await startPrivateEngine({ liveRestore });
  const dir = mkdtempSync(join(tmpdir(), "unitwatch-recovery-"));
  return {
    engine,
    container: (name, ...args) => startContainer(engine, { name, labels, args }),
    async endable(name, ...args) {
      const folder = join(dir, name);
      mkdirSync(folder);
      const command = [
        "sh",
        "-c",
        "until rm /control/end; do sleep 0.02; done; >/control/ended; exit 9",
      ];
      const options = { name, labels, command, args: [`--volume=${folder}:/control`, ...args] };
      return {
        container: await startContainer(engine, options),
        async end() {
          rmSync(join(folder, "ended"), { force: true });
          writeFileSync(join(folder, "end"), "");
          await eventually(() => existsSync(join(folder, "ended")));
        },
      };
    },
    unitwatch: async (data) => {
      const unitwatch = await startUnitwatch({
        host: engine.host,
        cluster: CLUSTER,
        storagePath: join(dir, "storage", data),
      });
      await eventually(async () => (await unitwatch.get("/-/ready")).status === 200);
      return unitwatch;
    },
    async [Symbol.asyncDispose]() {
      await engine.dispose();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Counters of a container; `unknown` are exits whose code was lost. */
interface Counted {
  readonly starts: number;
  readonly restarts: number;
  readonly exits: number;
  readonly unknown: number;
}

function counted(scrape: Scrape, container: string): Counted {
  const { unknown = 0, ...exits } = scrape.by("exit_code", "container_exits_total", { container });
  return {
    starts: scrape.value("container_starts_total", { container }) ?? 0,
    restarts: scrape.value("container_restarts_total", { container }) ?? 0,
    exits: Object.values(exits).reduce((sum, count) => sum + count, 0),
    unknown,
  };
}

const NOTHING: Counted = { starts: 0, restarts: 0, exits: 0, unknown: 0 };

async function agrees(scrape: Scrape, containers: readonly TestContainer[]): Promise<void> {
  for (const container of containers) {
    expect({ [container.name]: shownContainer(scrape, container.name) }).toEqual({
      [container.name]: await trueContainer(container),
    });
  }
}

const recovered = (scrape: Scrape) => scrape.by("kind", "unitwatch_recovered_changes_total");

describePrivateEngine("an engine that restarts while its containers run", () => {
  const stack = new AsyncDisposableStack();
  let setup: EngineSetup;
  beforeAll(async () => {
    setup = stack.use(await openSetup(true));
  });
  afterAll(() => stack.disposeAsync());

  test("counts and logs missed changes as recovered", async () => {
    const { engine } = setup;
    await using stays = await setup.container("stays");
    const ends = await setup.endable("ends");
    await using _ends = ends.container;
    const comesBack = await setup.endable("comes-back", "--restart=always");
    await using _comesBack = comesBack.container;
    await using unitwatch = await setup.unitwatch("meanwhile");

    await engine.stopDaemon();
    await unitwatch.until((scrape) => scrape.value("unitwatch_engine_up") === 0);
    await Promise.all([ends.end(), comesBack.end()]);
    await engine.startDaemon();

    const containers = [stays, ends.container, comesBack.container];
    const scrape = await unitwatch.until(async (scrape) => {
      expect(scrape.value("unitwatch_engine_up")).toBe(1);
      await agrees(scrape, containers);
    });
    expect(counted(scrape, "stays")).toEqual(NOTHING);
    expect(counted(scrape, "ends")).toEqual({ ...NOTHING, exits: 1 });
    expect(scrape.value("container_exits_total", { container: "ends", exit_code: "9" })).toBe(1);
    expect(counted(scrape, "comes-back")).toEqual({ ...NOTHING, starts: 1, unknown: 1 });
    expect(recovered(scrape)).toMatchObject({ "container.die": 2 });
    await unitwatch.untilLogged(
      ({ msg, detail }) =>
        // A change that an event overtakes while it is inspected is found just after the line.
        msg === "engine watch restored" && /, [12] missed changes found/.test(String(detail)),
    );
  });

  test("counts nothing twice when dockerd is killed and no change is missed", async () => {
    const { engine } = setup;
    await using stays = await setup.container("stays");
    await using unitwatch = await setup.unitwatch("nothing");
    await stays.restart(0);
    await unitwatch.until((scrape) => {
      expect(counted(scrape, "stays")).toEqual({ ...NOTHING, starts: 1, exits: 1 });
    });

    await engine.killDaemon();
    await engine.startDaemon();

    const scrape = await unitwatch.until(async (scrape) => {
      expect(scrape.value("unitwatch_engine_reconnects_total")).toBe(1);
      await agrees(scrape, [stays]);
    });
    expect(counted(scrape, "stays")).toEqual({ ...NOTHING, starts: 1, exits: 1 });
    expect(recovered(scrape)).toEqual({});
  });

  test("keeps one command for each unitwatch in a node, and none at the end", async () => {
    const { engine } = setup;
    await using node = await startNode(engine, { name: "node", labels });
    await node.engine.docker(["exec", "--detach", node.id, "sleep", "1000000"]);
    const args = async () => (await node.processes()).map((process) => process.args);
    const bridges = async () => (await args()).filter((each) => /stdio-bridge/.test(each));
    const reconnects = (scrape: Scrape) =>
      scrape.value("unitwatch_systemd_reconnects_total", { container: "node" });
    await using unitwatch = await setup.unitwatch("first");
    const killed = await setup.unitwatch("killed");
    await Promise.all([unitwatch, killed].map((each) => each.untilWatching(1)));
    await node.writeUnit("fails.service", "[Service]\nExecStart=/bin/false\n");
    await node.startUnit("fails.service");
    await unitwatch.until((scrape) => {
      expect(shownFailures(scrape, "node")).toEqual({ "fails.service": { "exit-code": 1 } });
    });

    for (const [restarts, end] of ["stopDaemon", "killDaemon", "stopDaemon"].entries()) {
      await engine[end as "stopDaemon" | "killDaemon"]();
      await engine.startDaemon();
      for (const each of [unitwatch, killed]) {
        // Neither has ended a command of the other.
        await each.until((scrape) => expect(reconnects(scrape)).toBe(restarts + 1));
      }
      await eventually(async () => expect(await bridges()).toHaveLength(2));
    }

    await engine.killDaemon();
    killed.signal("SIGKILL");
    await killed.exited;
    await engine.startDaemon();
    await unitwatch.until((scrape) => expect(reconnects(scrape)).toBe(4));
    await eventually(async () => expect(await bridges()).toHaveLength(1));

    await engine.killDaemon();
    unitwatch.signal("SIGKILL");
    await unitwatch.exited;
    await engine.startDaemon();
    const left = await bridges();
    await using next = await setup.unitwatch("first");
    await next.untilWatching(1);
    await eventually(async () => {
      const present = await bridges();
      expect([left.length, present.length]).toEqual([1, 1]);
      // Each has a token of its own in its arguments.
      expect(present).not.toEqual(left);
    });
    const { text } = await next.get("/api/v1/state?container=node");
    const { containers } = JSON.parse(text) as StatusReport;
    const unit = containers[0]?.units.find(({ name }) => name === "fails.service");
    expect(unit).toMatchObject({ failures: {}, recent: { failures: { count: 1 } } });

    await engine.killDaemon();
    await next.until((scrape) => scrape.value("unitwatch_engine_up") === 0);
    await next.stop();
    await engine.startDaemon();
    expect(await bridges()).toEqual([]);
    expect(await args()).toContain("sleep 1000000");
  });

  test.each([
    { how: "while the engine still has the events", restarted: false },
    { how: "while the engine forgets", restarted: true },
  ])("recovers the changes since unitwatch was killed: $how", async ({ how, restarted }) => {
    const { engine } = setup;
    const [a, b, c, gone] = await Promise.all(
      ["restarted", "stopped", "old-name", "gone"].map((name) => setup.container(name)),
    );
    if (!a || !b || !c || !gone) throw new Error("no containers");
    const before = await setup.unitwatch(how);
    before.signal("SIGKILL");
    await before.exited;

    await Promise.all([a.restart(0), b.stop(0), c.rename("new-name"), gone.remove()]);
    const made = await setup.container("made");
    if (restarted) {
      await engine.stopDaemon();
      await engine.startDaemon();
    }

    await using unitwatch = await setup.unitwatch(how);
    const scrape = await unitwatch.scrape();
    await agrees(scrape, [a, b, c, made]);
    const lost = restarted ? "unknown" : "exits";
    expect(counted(scrape, "restarted")).toEqual({ ...NOTHING, starts: 1, [lost]: 1 });
    expect(counted(scrape, "stopped")).toEqual({ ...NOTHING, exits: 1 });
    expect(counted(scrape, "gone")).toEqual({ ...NOTHING, [lost]: 1 });
    expect(counted(scrape, "made")).toEqual({ ...NOTHING, starts: 1 });
    expect(counted(scrape, "new-name")).toEqual(NOTHING);
    expect(scrape.select("container_info", { container: "old-name" })).toEqual([]);
    expect(recovered(scrape)).toEqual(
      restarted
        ? {
            "container.die": 3,
            "container.start": 2,
            "container.create": 1,
            "container.destroy": 1,
          }
        : {},
    );
    await Promise.all([a, b, c, made].map((container) => container.remove()));
  });
});

describePrivateEngine("an engine that stops its containers", () => {
  const stack = new AsyncDisposableStack();
  let setup: EngineSetup;
  beforeAll(async () => {
    setup = stack.use(await openSetup(false));
  });
  afterAll(() => stack.disposeAsync());

  test.each(["stopDaemon", "killDaemon"] as const)(
    "counts exits and restarts after %s",
    async (end) => {
      const { engine } = setup;
      await using goesDown = await setup.container("goes-down");
      await using comesBack = await setup.container("comes-back", "--restart=always");
      await using unitwatch = await setup.unitwatch(end);

      await engine[end]();
      await engine.startDaemon();

      const scrape = await unitwatch.until(async (scrape) => {
        expect(scrape.value("unitwatch_engine_up")).toBe(1);
        await agrees(scrape, [goesDown, comesBack]);
      });
      expect((await trueContainer(goesDown)).status).toBe("exited");
      expect((await trueContainer(comesBack)).status).toBe("running");
      const total = (name: string) => {
        const { starts, exits, unknown } = counted(scrape, name);
        return { starts, exits: exits + unknown };
      };
      expect(total("goes-down")).toEqual({ starts: 0, exits: 1 });
      expect(total("comes-back")).toEqual({ starts: 1, exits: 1 });
    },
  );
});
