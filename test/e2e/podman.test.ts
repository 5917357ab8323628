import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { openRuntime } from "../../src/engine/open-runtime.ts";
import { systemClock } from "../../src/platform/time/clock.ts";
import { describePrivateEngine } from "../support/engine/attach.ts";
import type { TestContainer } from "../support/engine/container.ts";
import type { TestNode } from "../support/engine/node.ts";
import type { Scrape } from "../support/exposition.ts";
import { sentEntries, trueEntries } from "../support/journal-entries.ts";
import { startOtlpReceiver } from "../support/otlp-receiver.ts";
import { type PrivatePodman, startPrivatePodman } from "../support/podman/private-podman.ts";
import { shownContainer, shownSystemd, trueContainer, trueSystemd } from "../support/truth.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";

const CLUSTER = "e2epodman";
const NODE = `sind-${CLUSTER}-node`;
const labels = { "sind.cluster": CLUSTER };
const name = (node: string): string => `sind-${CLUSTER}-${node}`;
const VICTIM = "[Service]\nExecStart=sleep infinity\n";

// One session: two sidecars watch one podman, through its socket and its command. Its events come up
// to 250 ms late.
describePrivateEngine("podman", () => {
  const stack = new AsyncDisposableStack();
  const watchers: Unitwatch[] = [];
  let podman: PrivatePodman;
  let node: TestNode;

  /** Waits until both sidecars pass the check. */
  const until = (check: (scrape: Scrape) => unknown): Promise<unknown> =>
    Promise.all(watchers.map((unitwatch) => unitwatch.until(check)));
  const startShell = async (node: string, ...args: string[]): Promise<TestContainer> => {
    const script = args.pop() ?? "";
    const command = ["sh", "-c", script];
    return podman.startContainer({ name: name(node), labels, args, command });
  };

  beforeAll(async () => {
    podman = stack.use(await startPrivatePodman());
    const runtimes = [["engine"], ["cli", `--docker.command=${podman.command}`]];
    const starting = Promise.all(
      runtimes.map(async ([runtime, ...args]) => {
        const { host } = podman;
        const flags = [`--docker.runtime=${runtime}`, ...args];
        watchers.push(stack.use(await startUnitwatch({ host, cluster: CLUSTER, args: flags })));
      }),
    );
    node = await podman.startNode({ name: NODE, labels });
    await starting;
    await node.writeUnit("victim.service", VICTIM);
  });
  afterAll(() => stack.disposeAsync());

  test("finds a node and watches its systemd over D-Bus", async () => {
    await until(async (scrape) => {
      expect(scrape.by("transport", "unitwatch_systemd_up")).toEqual({ dbus: 1 });
      expect(shownSystemd(scrape, NODE)).toEqual(await trueSystemd(node));
      expect(shownContainer(scrape, NODE)).toEqual(await trueContainer(node));
      expect(scrape.by("runtime", "container_info", { container: NODE })).toEqual({ podman: 1 });
    });
  });

  test("is watched over the socket on its host, also after a restart of the bus", async () => {
    await using unitwatch = await startUnitwatch({
      host: podman.host,
      cluster: CLUSTER,
      args: ["--docker.runtime=engine"],
      onHostOf: podman,
    });
    const watched = async (scrape: Scrape): Promise<void> => {
      expect(scrape.by("transport", "unitwatch_systemd_up")).toEqual({ socket: 1 });
      expect(shownSystemd(scrape, NODE)).toEqual(await trueSystemd(node));
    };
    await unitwatch.until(watched);
    await node.systemctl("restart", "dbus.service");
    await unitwatch.until(async (scrape) => {
      expect(scrape.value("unitwatch_systemd_reconnects_total", { container: NODE })).toBe(1);
      await watched(scrape);
    });
  });

  test.each(["socket", "dbus"])(
    "sends each entry of a node's journal over %s",
    async (transport) => {
      const unit = `talk-${transport}.service`;
      await node.writeUnit(unit, "[Service]\nType=oneshot\nExecStart=seq 50\n");
      await using receiver = await startOtlpReceiver();
      await using unitwatch = await startUnitwatch({
        host: podman.host,
        cluster: CLUSTER,
        args: [
          "--docker.runtime=engine",
          `--systemd.transport=${transport}`,
          "--journal.records=all",
        ],
        env: receiver.env,
        ...(transport === "socket" && { onHostOf: podman }),
      });
      await unitwatch.until((scrape) => scrape.value("unitwatch_journal_up") === 1);
      await node.startUnit(unit);
      const truth = await trueEntries(node, unit);
      expect(truth.filter(({ identifier }) => identifier === "seq")).toHaveLength(50);
      await receiver.until((logs) => expect(sentEntries(logs, unit)).toEqual(truth));
    },
  );

  test("shows what a node uses, by the API and from its cgroup on its host", async () => {
    const of = { container: NODE };
    for (const onHostOf of [undefined, podman]) {
      await using unitwatch = await startUnitwatch({
        host: podman.host,
        cluster: CLUSTER,
        args: ["--docker.runtime=engine", "--systemd.transport=off", "--containers.stats=on"],
        ...(onHostOf !== undefined && { onHostOf }),
      });
      const scrape = await unitwatch.until(
        (each) => (each.value("container_threads", of) ?? 0) > 2,
      );
      expect(scrape.value("container_memory_usage_bytes", of)).toBeGreaterThan(1_000_000);
      expect(scrape.value("container_cpu_usage_seconds_total", of)).toBeGreaterThan(0);
      expect(scrape.value("container_spec_memory_limit_bytes", of)).toBe(0);
    }
  });

  test("reports the name of its host, by API and by command", async () => {
    const name = await podman.docker(["info", "--format", "{{.Host.Hostname}}"]);
    const choice = { host: podman.host, filters: [], clock: systemClock };
    for (const runtime of ["engine", "cli"] as const) {
      const opened = await openRuntime({
        ...choice,
        runtime,
        command: podman.command,
        context: undefined,
        tlsPath: undefined,
      });
      expect(await opened.hostName()).toBe(name);
      opened.close();
    }
  });

  test("counts a crash", async () => {
    await node.startUnit("victim.service");
    await node.crash("victim.service");
    await until((scrape) => {
      expect(scrape.by("result", "systemd_unit_failures_total")).toEqual({ signal: 1 });
    });
  });

  test("logs exits, policy restarts and health checks", async () => {
    const [policy, brief, sick] = await Promise.all([
      startShell("policy", "--restart=on-failure:2", "sleep 0.1; exit 3"),
      startShell("brief", "exit 0"),
      startShell("sick", "--health-cmd=false", "--health-retries=1", "sleep 600"),
    ]);
    // In version 4 a check reports the result of the previous one.
    for (let i = 0; i < 2; i += 1) await podman.tryDocker(["healthcheck", "run", sick.id]);

    await until(async (scrape) => {
      const exits = (container: string) =>
        scrape.by("exit_code", "container_exits_total", { container });
      expect(exits(policy.name)).toEqual({ "3": 3 });
      expect(exits(brief.name)).toEqual({ "0": 1 });
      expect(scrape.value("container_starts_total", { container: policy.name })).toBe(3);
      expect(scrape.value("container_restarts_total", { container: policy.name })).toBe(2);
      expect(shownContainer(scrape, policy.name)).toEqual(await trueContainer(policy));
      const health = { container: sick.name, state: "unhealthy" };
      expect(scrape.value("container_state_health_status", health)).toBe(1);
    });
  });

  test("follows a node that is paused, renamed and restarted, and a removed container", async () => {
    await node.pause();
    await until((scrape) => shownContainer(scrape, NODE).status === "paused");
    await node.unpause();
    await podman.docker(["rm", "--force", "--time=0", name("sick")]);
    await node.rename(name("renamed"));
    await node.restart();
    await node.ready();

    await until(async (scrape) => {
      expect(scrape.select("container_info", { container: NODE })).toEqual([]);
      expect(scrape.by("transport", "unitwatch_systemd_up")).toEqual({ dbus: 1 });
      expect(shownSystemd(scrape, node.name)).toEqual(await trueSystemd(node));
      expect(shownContainer(scrape, node.name)).toEqual(await trueContainer(node));
      expect(scrape.value("unitwatch_events_total", { kind: "container.destroy" })).toBe(1);
    });
  });

  test("recovers changes from while podman's service was down", async () => {
    // A timer in the node causes the crash after the service has stopped.
    await node.startUnit("victim.service");
    const kill = ["systemctl", "kill", "--signal=KILL", "victim.service"];
    await node.exec(["systemd-run", "--on-active=1s", "--timer-property=AccuracySec=1ms", ...kill]);
    await podman.stopService();
    await until((scrape) => scrape.value("unitwatch_engine_up") === 0);
    await podman.startService();
    await node.waitUnit("victim.service", "failed");

    await until(async (scrape) => {
      expect(scrape.by("result", "systemd_unit_failures_total")).toEqual({ signal: 2 });
      expect(shownSystemd(scrape, node.name)).toEqual(await trueSystemd(node));
    });
  });

  test("leaves nothing in the node and logs no error", async () => {
    for (const unitwatch of watchers) {
      expect(await unitwatch.stop()).toEqual({ code: 0, signal: null });
      expect(unitwatch.log.filter(({ level }) => level !== "info" && level !== "warn")).toEqual([]);
    }
    const running = await node.exec(["ps", "-eo", "args"]);
    expect(running).toContain("/sbin/init");
    expect(running).not.toMatch(/bridge|busctl/);
  });
});
