import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { clusterName } from "../support/e2e-runtime.ts";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import { createContainer, startContainer } from "../support/engine/container.ts";
import type { Engine } from "../support/engine/docker.ts";
import { startNode } from "../support/engine/node.ts";
import type { Scrape } from "../support/exposition.ts";
import { shownFailures } from "../support/truth.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";

const CLUSTER = clusterName("retention");
const RETENTION_MS = 3_000;
const labels = { "sind.cluster": CLUSTER };

describeEngine("a removed container", () => {
  const stack = new AsyncDisposableStack();
  let engine: Engine;
  let unitwatch: Unitwatch;

  beforeAll(async () => {
    engine = attachEngine();
    const args = [`--metrics.retention=${RETENTION_MS}ms`];
    unitwatch = await startUnitwatch({ host: engine.host, cluster: CLUSTER, args });
    stack.use(unitwatch);
    await unitwatch.until((scrape) => scrape.value("unitwatch_engine_up") === 1);
  });
  afterAll(() => stack.disposeAsync());

  const seriesOf = (scrape: Scrape, container: string) =>
    scrape.samples.filter(({ labels }) => labels["container"] === container);

  test("keeps its series for the retention", async () => {
    const name = `sind-${CLUSTER}-web`;
    const container = await startContainer(engine, { name, labels });
    await unitwatch.until((scrape) => scrape.value("container_starts_total", { container: name }));
    const atMs = Date.now();
    await container.remove();

    const last = await unitwatch.until(
      (scrape) => scrape.value("unitwatch_events_total", { kind: "container.destroy" }) === 1,
    );
    expect(last.by("exit_code", "container_exits_total", { container: name })).toEqual({
      "137": 1,
    });
    expect(last.value("container_state_status", { container: name, state: "running" })).toBe(0);
    await unitwatch.until((scrape) => seriesOf(scrape, name).length === 0);
    expect(Date.now() - atMs).toBeGreaterThanOrEqual(RETENTION_MS);
    expect(Date.now() - atMs).toBeLessThan(RETENTION_MS + 3_000);
  });

  test("continues its counters when it is created again in that time", async () => {
    const name = `sind-${CLUSTER}-controller`;
    const options = { name, labels };
    const unit = "exits.service";
    for (const life of [1, 2]) {
      await using node = await startNode(engine, options);
      await unitwatch.untilWatching(1);
      await node.writeUnit(unit, "[Service]\nExecStart=sh -c 'exit 3'\n");
      await node.startUnit(unit);
      await node.waitUnit(unit, "failed");

      const scrape = await unitwatch.until((scrape) => {
        expect(shownFailures(scrape, name)).toEqual({ [unit]: { "exit-code": life } });
        expect(scrape.value("container_starts_total", { container: name })).toBe(life);
      });
      expect(scrape.value("container_info", { container: name })).toBe(1);
      expect(scrape.value("container_info", { container_id: node.id })).toBe(1);
    }
    await unitwatch.until((scrape) => {
      expect(scrape.by("exit_code", "container_exits_total", { container: name })).toEqual({
        "137": 2,
      });
    });

    // As Compose does: under a temporary name first.
    await using next = await createContainer(engine, { name: `temporary_${name}`, labels });
    await next.rename(name);
    await unitwatch.until((scrape) => {
      expect(scrape.value("container_info", { container_id: next.id, container: name })).toBe(1);
      expect(shownFailures(scrape, name)).toEqual({ [unit]: { "exit-code": 2 } });
      expect(scrape.value("container_starts_total", { container: name })).toBe(2);
      expect(scrape.value("container_last_exit_code", { container: name })).toBe(137);
    });
  });
});
