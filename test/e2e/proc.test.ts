import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { startContainer, type TestContainer } from "../support/engine/container.ts";
import { attachEngine, describePrivateEngine } from "../support/engine/attach.ts";
import { onEngineHost } from "../support/engine/engine-host.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";
import type { Scrape } from "../support/exposition.ts";
import { shownSystemd, trueSystemd } from "../support/truth.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";

const CLUSTER = "e2eproc";
const LABELS = { "sind.cluster": CLUSTER };
/**
 * A mount namespace whose mounts are cut off from the host's, and a cgroup namespace: what is mounted in
 * containers later isn't mounted here, and this process's cgroup seems to be the root.
 */
const OWN_NAMESPACES = [
  "unshare",
  "--mount",
  "--cgroup",
  "--propagation=private",
  "--",
  "sh",
  "-c",
  'mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"',
  "sh",
];
const LOOP =
  "[Unit]\nStartLimitBurst=4\nStartLimitIntervalSec=1min\n" +
  "[Service]\nExecStart=sh -c 'exit 7'\nRestart=on-failure\nRestartSec=100ms\n";

// A sidecar with the engine and one without it watch the same containers at the same time.
describePrivateEngine("the runtimes engine and proc, side by side", () => {
  const stack = new AsyncDisposableStack();
  const sidecars: Record<string, Unitwatch> = {};
  let node: TestNode;
  let plain: TestContainer;

  beforeAll(async () => {
    const engine = attachEngine();
    const own = await startUnitwatch({
      host: engine.host,
      cluster: CLUSTER,
      args: ["--runtime=proc"],
      enter: [...onEngineHost(engine.host), ...OWN_NAMESPACES],
    });
    sidecars["own"] = stack.use(own);
    node = stack.use(await startNode(engine, { name: "e2eproc-node", labels: LABELS }));
    plain = stack.use(await startContainer(engine, { name: "e2eproc-plain", labels: LABELS }));
    for (const runtime of ["engine", "proc"]) {
      const unitwatch = await startUnitwatch({
        host: engine.host,
        cluster: CLUSTER,
        args: [`--runtime=${runtime}`],
        onHostOf: engine,
      });
      sidecars[runtime] = stack.use(unitwatch);
      await unitwatch.untilWatching(1);
    }
    await own.untilWatching(1);
  });
  afterAll(() => stack.disposeAsync());

  /** Waits until both show the same of everything that both can know. */
  async function expectEqual(check: (scrape: Scrape) => void = () => {}): Promise<void> {
    const { engine, proc } = sidecars;
    if (engine === undefined || proc === undefined) throw new Error("a sidecar is missing");
    await engine.until(async (scrape) => {
      check(scrape);
      const other = await proc.scrape();
      check(other);
      expect(comparable(other)).toEqual(comparable(scrape));
    });
  }

  test("name the containers alike, and show the units that systemctl shows", async () => {
    await expectEqual((scrape) => {
      expect(scrape.select("container_info").map(({ labels }) => labels["runtime"])).toEqual([
        "docker",
        "docker",
      ]);
    });
    for (const sidecar of Object.values(sidecars)) {
      await sidecar.until(async (scrape) => {
        expect(shownSystemd(scrape, node.name)).toEqual(await trueSystemd(node));
      });
    }
  });

  test("count the same when services fail and containers are paused, stopped and started", async () => {
    await node.writeUnit("loop.service", LOOP);
    await node.tryExec(["systemctl", "start", "loop.service"]);
    await node.waitUnit("loop.service", "failed");
    await expectEqual((scrape) => {
      const failures = sumOf(scrape, "systemd_unit_failures_total", { name: "loop.service" });
      expect(failures).toBe(5);
    });

    await plain.pause();
    await expectEqual((scrape) => expectStatus(scrape, plain, "paused"));
    await plain.unpause();
    await expectEqual((scrape) => expectStatus(scrape, plain, "running"));
    await plain.stop();
    await expectEqual((scrape) => expectStatus(scrape, plain, "exited"));
    await plain.start();
    await expectEqual((scrape) => expectStatus(scrape, plain, "running"));
    await node.restart();
    await node.ready();
    await expectEqual((scrape) => {
      expect(scrape.value("container_starts_total", { container: node.name })).toBe(1);
      expect(sumOf(scrape, "unitwatch_systemd_up")).toBe(1);
    });
  });

  test("follow a container that is renamed, and one that replaces it", async () => {
    const before = plain.name;
    await plain.rename("e2eproc-other");
    await expectEqual((scrape) => expectStatus(scrape, plain, "running"));
    // A removal by force can take away the file with the exit code before it is read.
    await plain.kill();
    await expectEqual((scrape) => expectStatus(scrape, plain, "exited"));
    await plain.remove();
    const engine = attachEngine();
    await using again = await startContainer(engine, { name: before, labels: LABELS });
    await expectEqual((scrape) => {
      expect(scrape.value("container_info", { container_id: again.id })).toBe(1);
    });
  });

  test("show the same from namespaces of its own, by a cgroup v2 without controllers", async () => {
    const { engine, own } = sidecars;
    if (engine === undefined || own === undefined) throw new Error("a sidecar is missing");
    await own.until(async (scrape) => {
      const shown = (one: Scrape) =>
        [...one.select("container_info"), ...one.select("systemd_unit_state")]
          .map(({ labels, value }) => JSON.stringify([labels, value]))
          .toSorted();
      expect(shown(scrape)).toEqual(shown(await engine.scrape()));
      const failures = { container: node.name, name: "loop.service" };
      expect(sumOf(scrape, "systemd_unit_failures_total", failures)).toBe(5);
      expect(scrape.value("container_starts_total", { container: node.name })).toBe(2);
    });
  });

  test("leave out what the host doesn't show when there is no engine", async () => {
    const { proc } = sidecars;
    if (proc === undefined) throw new Error("a sidecar is missing");
    const scrape = await proc.scrape();
    for (const name of ["container_restarts_total", "container_state_health_status"]) {
      expect(scrape.select(name)).toEqual([]);
    }
    expect(await proc.children()).toEqual([]);
  });
});

function sumOf(
  scrape: Scrape,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  return scrape.select(name, labels).reduce((sum, { value }) => sum + value, 0);
}

function expectStatus(scrape: Scrape, { name }: TestContainer, status: string): void {
  expect(scrape.value("container_state_status", { container: name, state: status })).toBe(1);
}

const SHOWN = [
  "container_info",
  "container_state_status",
  "container_starts_total",
  "container_exits_total",
  "container_last_exit_code",
  "systemd_unit_failures_total",
  "systemd_service_restart_total",
  "systemd_unit_state",
  "systemd_system_state",
];

/** Returns the samples that both runtimes have. */
function comparable(scrape: Scrape): readonly string[] {
  const samples = SHOWN.flatMap((name) =>
    scrape.select(name).map(({ labels, value }) => JSON.stringify([name, labels, value])),
  );
  return samples.toSorted();
}
