import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { clusterName } from "../support/e2e-runtime.ts";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import { runContainer, startContainer, TestContainer } from "../support/engine/container.ts";
import type { Engine } from "../support/engine/docker.ts";
import { imageName } from "../support/engine/images.ts";
import { startNode, TestNode } from "../support/engine/node.ts";
import { eventually } from "../support/eventually.ts";
import { recordEvents, type RecordedEvents } from "../support/recorded-events.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";

const CLUSTER = clusterName("ordinary");
const name = (node: string): string => `sind-${CLUSTER}-${node}`;
const labels = { "sind.cluster": CLUSTER };

describeEngine("which containers are entered", () => {
  const stack = new AsyncDisposableStack();
  let engine: Engine;
  let events: RecordedEvents;
  let node: TestNode;
  let hidden: TestNode;
  let web: TestContainer;
  let wrongly: TestContainer;
  let unitwatch: Unitwatch;

  beforeAll(async () => {
    engine = attachEngine();
    [node, hidden, web, wrongly] = await Promise.all([
      startNode(engine, { name: name("controller"), labels }),
      startNode(engine, {
        name: name("hidden"),
        labels: { ...labels, "unitwatch.systemd": "false" },
      }),
      startContainer(engine, { name: name("web"), labels }),
      startContainer(engine, {
        name: name("wrongly"),
        labels: { ...labels, "unitwatch.systemd": "true" },
        // A process 1 that reaps no orphans.
        command: ["sleep", "1000000"],
      }),
    ]);
    for (const container of [node, hidden, web, wrongly]) stack.use(container);
    events = stack.use(recordEvents(engine, CLUSTER));
    unitwatch = await startUnitwatch({ host: engine.host, cluster: CLUSTER });
    stack.use(unitwatch);
    await unitwatch.untilWatching(1);
  });
  afterAll(() => stack.disposeAsync());

  const execs = (container: TestContainer) => events.of(container.name, "exec_create");
  const shown = async (): Promise<Record<string, number>> =>
    (await unitwatch.scrape()).by("container", "unitwatch_systemd_up");

  test("enters a node", async () => {
    expect(await shown()).toMatchObject({ [node.name]: 1 });
    await eventually(() => execs(node).length > 0);
  });

  test("retries a container that the label wrongly marks as systemd, and leaves no zombies", async () => {
    // The third runs a shell, which starts others; it has ended when another begins.
    await eventually(() => execs(wrongly).length > 4);
    const processes = await wrongly.processes();
    expect(processes.filter(({ args }) => args.includes("defunct"))).toEqual([]);

    expect(await shown()).toMatchObject({ [wrongly.name]: 0 });
  });

  test("enters an unrecognised node when the label marks it", async () => {
    const booting = await runContainer(engine, await unrecognisable(node));
    stack.use(new TestContainer(engine, booting, name("secret")));

    await unitwatch.until((scrape) => {
      const up = scrape.by("container", "unitwatch_systemd_up");
      expect(up).toMatchObject({ [name("secret")]: 1 });
    });
  });

  test("does not enter an unrecognised node without the label", async () => {
    const options = await unrecognisable(node);
    const id = await runContainer(engine, { ...options, name: name("shy"), labels });
    const shy = new TestNode(engine, id, name("shy"));
    stack.use(shy);
    await unitwatch.until(
      (scrape) => scrape.value("container_starts_total", { container: shy.name }) === 1,
    );
    await shy.kill();
    await shy.start();

    expect(await shown()).not.toHaveProperty([shy.name]);
    await allEventsSent();
    expect(execs(shy)).toEqual([]);
  });

  test("enters no other container in any state", async () => {
    for (const container of [web, hidden]) {
      await container.pause();
      await container.unpause();
      await container.restart(0);
      await container.kill();
      await container.start();
    }
    await web.rename(name("renamed"));
    await unitwatch.until((scrape) => {
      for (const container of [web, hidden]) {
        const series = { container: container.name };
        expect(scrape.value("container_starts_total", series)).toBe(2);
        expect(scrape.select("systemd_units", series)).toEqual([]);
      }
    });

    expect(Object.keys(await shown())).not.toContain(web.name);
    expect(Object.keys(await shown())).not.toContain(hidden.name);
    await unitwatch.stop();
    await allEventsSent();
    for (const container of [web, hidden]) {
      const own = events.all.filter(({ Actor }) => Actor.ID === container.id);
      expect(own.map(({ Action }) => Action)).toContain("pause");
      expect(own.filter(({ Action }) => Action.startsWith("exec"))).toEqual([]);
    }
  });

  /** Waits until the engine has sent all earlier events. */
  async function allEventsSent(): Promise<void> {
    const before = execs(node).length;
    await node.exec(["true"]);
    await eventually(() => execs(node).length > before);
  }
});

/** Starts a container with systemd that neither its command nor its stop signal reveals. */
async function unrecognisable(node: TestNode): Promise<Parameters<typeof runContainer>[1]> {
  const json = await node.engine.docker(["inspect", "--format={{json .HostConfig}}", node.id]);
  const host = JSON.parse(json) as {
    readonly Binds: readonly string[] | null;
    readonly CapAdd: readonly string[];
    readonly CgroupnsMode: string;
    readonly SecurityOpt: readonly string[];
    readonly Tmpfs: Readonly<Record<string, string>>;
  };
  return {
    name: name("secret"),
    labels: { ...labels, "unitwatch.systemd": "true" },
    image: imageName("bookworm"),
    command: ["sh", "-c", "mount -o remount,bind,rw /sys/fs/cgroup; exec /sbin/init"],
    args: [
      `--cgroupns=${host.CgroupnsMode}`,
      ...(host.Binds ?? []).map((bind) => `--volume=${bind}`),
      ...host.CapAdd.map((capability) => `--cap-add=${capability}`),
      ...host.SecurityOpt.map((option) => `--security-opt=${option}`),
      ...Object.entries(host.Tmpfs).map(([path, options]) => `--tmpfs=${path}:${options}`),
    ],
  };
}
