import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { clusterName } from "../support/e2e-runtime.ts";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import { startContainer, type TestContainer } from "../support/engine/container.ts";
import type { Engine } from "../support/engine/docker.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";
import { eventually } from "../support/eventually.ts";
import { SocketProxy } from "../support/socket-proxy.ts";
import {
  countFailures,
  shownContainer,
  shownFailures,
  shownSystemd,
  trueContainer,
  trueFailures,
  trueSystemd,
} from "../support/truth.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";

// One session: the engine is missing at first, starts, stops, and starts again.
describeEngine("without an engine", () => {
  const cluster = clusterName("outage");
  const name = (node: string): string => `sind-${cluster}-${node}`;
  const labels = { "sind.cluster": cluster };
  const stack = new AsyncDisposableStack();
  let engine: Engine;
  let proxy: SocketProxy;
  let node: TestNode;
  let web: TestContainer;
  let unitwatch: Unitwatch;

  beforeAll(async () => {
    engine = attachEngine();
    const dir = await mkdtemp(join(tmpdir(), "unitwatch-"));
    stack.defer(() => rm(dir, { recursive: true }));
    proxy = stack.use(new SocketProxy(join(dir, "docker.sock"), engine.host));
    [node, web] = await Promise.all([
      startNode(engine, { name: name("controller"), labels }),
      startContainer(engine, { name: name("web"), labels }),
    ]);
    stack.use(node);
    stack.use(web);
    await node.writeUnit("victim.service", "[Service]\nExecStart=sleep infinity\n");
    await node.writeUnit("exits.service", "[Service]\nExecStart=sh -c 'exit 3'\n");
    await node.startUnit("victim.service");
    unitwatch = await startUnitwatch({ host: proxy.host, cluster });
    stack.use(unitwatch);
  });
  afterAll(() => stack.disposeAsync());

  const status = async (path: string): Promise<number> => (await unitwatch.get(path)).status;
  const troubles = () =>
    unitwatch.log.filter(({ level, container }) => level === "error" && container === undefined);

  test("is healthy, not ready, and logs the missing engine once", async () => {
    const line = await unitwatch.untilLogged(({ level }) => level === "error");
    expect(line).toMatchObject({
      msg: "engine watch failed",
      detail: expect.stringContaining(new URL(proxy.host).pathname),
    });
    expect(await status("/-/healthy")).toBe(200);
    expect(await status("/-/ready")).toBe(503);
    const scrape = await unitwatch.scrape();
    expect(scrape.value("unitwatch_engine_up")).toBe(0);
    expect(scrape.select("container_info")).toEqual([]);
  });

  test("becomes ready when the engine starts", async () => {
    await proxy.start();
    await unitwatch.untilWatching(1);

    expect(await status("/-/healthy")).toBe(200);
    expect(await status("/-/ready")).toBe(200);
    const scrape = await unitwatch.until(async (scrape) => {
      expect(shownContainer(scrape, web.name)).toEqual(await trueContainer(web));
      expect(shownSystemd(scrape, node.name)).toEqual(await trueSystemd(node));
    });
    expect(scrape.value("unitwatch_engine_up")).toBe(1);
    expect(scrape.value("unitwatch_engine_reconnects_total")).toBe(0);
    expect(troubles()).toHaveLength(1);
  });

  test("reports the engine as down when it stops", async () => {
    await proxy.stop();
    await unitwatch.until((scrape) => scrape.value("unitwatch_engine_up") === 0);

    const line = await unitwatch.untilLogged(({ msg }) => msg === "engine watch lost");
    expect(line).toMatchObject({ level: "warn" });
    const scrape = await unitwatch.scrape();
    expect(scrape.value("container_state_status", { container: web.name, state: "running" })).toBe(
      1,
    );
  });

  test("recovers missed changes when the engine restarts", async () => {
    await web.restart();
    await web.kill();
    await node.crash("victim.service");
    await node.waitUnit("victim.service", "failed");
    await node.startUnit("exits.service");
    await node.waitUnit("exits.service", "failed");
    await using added = await startContainer(engine, { name: name("added"), labels });
    await added.pause();
    const gone = await startContainer(engine, { name: name("gone"), labels });
    await gone.remove();

    await proxy.start();
    const scrape = await unitwatch.until(async (scrape) => {
      expect(scrape.value("unitwatch_engine_up")).toBe(1);
      for (const container of [node, web, added]) {
        expect(shownContainer(scrape, container.name)).toEqual(await trueContainer(container));
      }
      expect(shownSystemd(scrape, node.name)).toEqual(await trueSystemd(node));
      expect(shownFailures(scrape, node.name)).toEqual(countFailures(await trueFailures(node)));
    });
    expect(await status("/-/ready")).toBe(200);
    expect(scrape.value("unitwatch_engine_reconnects_total")).toBe(1);
    expect(scrape.value("container_starts_total", { container: web.name })).toBe(1);
    expect(scrape.by("exit_code", "container_exits_total", { container: web.name })).toEqual({
      "0": 1,
      "137": 1,
    });
    expect(scrape.by("exit_code", "container_exits_total", { container: name("gone") })).toEqual({
      "137": 1,
    });
    expect(shownFailures(scrape, node.name)).toEqual({
      "victim.service": { signal: 1 },
      "exits.service": { "exit-code": 1 },
    });
    expect(troubles()).toHaveLength(1);
    await eventually(
      () => unitwatch.log.filter(({ msg }) => msg === "engine watch restored").length >= 2,
    );
  });
});
