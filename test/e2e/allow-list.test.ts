import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { AllowListProxy } from "../support/allow-list-proxy.ts";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import { startContainer, type TestContainer } from "../support/engine/container.ts";
import type { Engine } from "../support/engine/docker.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";
import { startUnitwatch } from "../support/unitwatch.ts";

const STATS = "GET /v{version}/containers/{id}/stats";
const MIB = 1024 * 1024;
const PAGE = join(import.meta.dirname, "../../docs/security.md");

/** Returns the calls in the page's table of that name. */
async function callsOf(name: string): Promise<string[]> {
  const text = await readFile(PAGE, "utf8");
  const [, table = ""] = text.split(new RegExp(`<!-- (?:end of )?${name} -->`));
  return [...table.matchAll(/^\| `([A-Z]+ \/[^`]*)`/gm)].map(([, call = ""]) => call);
}

describeEngine("behind a proxy that allows only the calls of docs/security.md", () => {
  const cluster = "e2eallowlist";
  const labels = { "sind.cluster": cluster };
  const name = (node: string): string => `sind-${cluster}-${node}`;
  const stack = new AsyncDisposableStack();
  let engine: Engine;
  let dir: string;
  let node: TestNode;
  let web: TestContainer;

  beforeAll(async () => {
    engine = attachEngine();
    dir = await mkdtemp(join(tmpdir(), "unitwatch-"));
    stack.defer(() => rm(dir, { recursive: true }));
    [node, web] = await Promise.all([
      startNode(engine, { name: name("controller"), labels }),
      startContainer(engine, { name: name("web"), labels }),
    ]);
    stack.use(node);
    stack.use(web);
    await node.writeUnit("victim.service", "[Service]\nExecStart=sleep infinity\n");
    await node.startUnit("victim.service");
  });
  afterAll(() => stack.disposeAsync());

  test("watches and reconnects with only the allowed calls", async () => {
    const calls = await callsOf("engine calls");
    expect(calls.length).toBeGreaterThan(4);
    await using proxy = await AllowListProxy.start(join(dir, "all.sock"), engine.host, calls);
    await using unitwatch = await startUnitwatch({
      host: proxy.host,
      cluster,
      args: ["--docker.runtime=engine"],
    });
    const failures = (count: number) =>
      unitwatch.until(
        (scrape) =>
          scrape.value("systemd_unit_failures_total", { name: "victim.service" }) === count,
      );
    await unitwatch.untilWatching(1);
    await node.crash("victim.service");
    await failures(1);

    proxy.cut();
    await node.startUnit("victim.service");
    await node.crash("victim.service");
    await failures(2);
    await unitwatch.until((scrape) => scrape.value("unitwatch_engine_up") === 1);
    await unitwatch.untilWatching(1);

    await web.stop();
    await node.stop();
    await unitwatch.until(
      (scrape) =>
        scrape.select("container_exits_total").length === 2 &&
        scrape.select("unitwatch_systemd_up").every(({ value }) => value !== 1),
    );
    await node.start();
    await unitwatch.untilWatching(1);

    expect(proxy.refused).toEqual([]);
    expect([...proxy.used].toSorted()).toEqual(calls.toSorted());
  });

  test("needs no exec when systemd is off", async () => {
    const calls = (await callsOf("engine calls")).filter((call) => !/exec|\/top/.test(call));
    await using proxy = await AllowListProxy.start(join(dir, "few.sock"), engine.host, calls);
    await using unitwatch = await startUnitwatch({
      host: proxy.host,
      cluster,
      args: ["--docker.runtime=engine", "--systemd.transport=off"],
    });
    await unitwatch.until((scrape) => scrape.select("container_info").length === 2);
    await web.start();
    await unitwatch.until((scrape) => scrape.select("container_starts_total").length > 0);
    expect(proxy.refused).toEqual([]);
    expect([...proxy.used].toSorted()).toEqual(calls.toSorted());
  });

  test("needs GET alone on the engine's host, also while there is no bus and while the node boots", async () => {
    const gets = (await callsOf("engine calls")).filter((call) => call.startsWith("GET "));
    await using proxy = await AllowListProxy.start(join(dir, "get.sock"), engine.host, gets);
    await using unitwatch = await startUnitwatch({
      host: proxy.host,
      cluster,
      args: ["--docker.runtime=engine"],
      onHostOf: engine,
    });
    const failures = (count: number) =>
      unitwatch.until(
        (scrape) =>
          scrape.value("systemd_unit_failures_total", { name: "victim.service" }) === count,
      );
    await unitwatch.until(
      (scrape) => scrape.value("unitwatch_systemd_up", { transport: "socket" }) === 1,
    );
    await node.startUnit("victim.service");
    await node.crash("victim.service");
    await failures(1);
    await node.systemctl("restart", "dbus.service");
    await node.pause();
    await node.unpause();

    // Without a bus, the failure shows in the journal alone.
    await node.systemctl("stop", "dbus.socket", "dbus.service");
    await node.startUnit("victim.service");
    await node.crash("victim.service");
    await node.systemctl("start", "dbus.socket", "dbus.service");
    await failures(2);
    await node.restart(5);
    await node.ready();
    await unitwatch.untilWatching(1);

    // No exec was tried.
    expect(proxy.refused).toEqual([]);
    const needed = gets.filter((call) => !/exec|top/.test(call));
    expect([...proxy.used].toSorted()).toEqual(needed.toSorted());
    expect(unitwatch.log.filter(({ msg }) => msg.startsWith("journal unavailable"))).toEqual([]);
  });

  test.each([
    ["the engine's API", [STATS]],
    ["their cgroups on the engine's host", []],
  ])("shows what containers use when that is on, by %s", async (where, statsCalls) => {
    const calls = [...(await callsOf("engine calls")), ...statsCalls];
    await using proxy = await AllowListProxy.start(join(dir, "use.sock"), engine.host, calls);
    const args = ["--docker.runtime=engine", "--systemd.transport=off", "--containers.stats=on"];
    const isOnHost = where.includes("host");
    await using unitwatch = await startUnitwatch({
      host: proxy.host,
      cluster,
      args,
      ...(isOnHost && { onHostOf: engine }),
    });
    const limits = ["--memory=64m", "--pids-limit=50"];
    const options = { name: name("busy"), labels, args: limits, command: ["sleep", "1000000"] };
    await using busy = await startContainer(engine, options);
    const of = { container: busy.name };

    await unitwatch.until((scrape) => {
      expect(scrape.value("container_memory_working_set_bytes", of)).toBeGreaterThan(0);
      expect(scrape.value("container_spec_memory_limit_bytes", of)).toBe(64 * MIB);
      expect(scrape.value("container_threads_max", of)).toBe(50);
      expect(scrape.value("container_threads", of)).toBe(1);
      expect(scrape.value("container_memory_usage_bytes", of)).toBeLessThan(32 * MIB);
      expect(scrape.value("container_cpu_usage_seconds_total", of)).toBeGreaterThan(0);
    });
    // A node's own cgroups count too, and it has no limit of memory. Each container answers when it can.
    await unitwatch.until((scrape) => {
      const ofNode = { container: node.name };
      expect(scrape.value("container_threads", ofNode)).toBeGreaterThan(2);
      expect(scrape.value("container_spec_memory_limit_bytes", ofNode)).toBe(0);
    });

    await busy.kill();
    await unitwatch.until((each) => each.select("container_threads", of).length === 0);
    expect(proxy.refused).toEqual([]);
    expect(proxy.used.has(STATS)).toBe(statsCalls.length > 0);
  });
});
