import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { ContainerRuntime } from "../../src/domain/runtime.ts";
import { systemClock } from "../../src/platform/time/clock.ts";
import { openRuntime } from "../../src/engine/open-runtime.ts";
import { DockerEngineSource } from "../../src/engine/docker-engine.ts";
import { identifier } from "../../src/engine/format/identity.ts";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import { startContainer } from "../support/engine/container.ts";
import type { Engine } from "../support/engine/docker.ts";

const LABELS = { "sind.cluster": "listing", "sind.realm": "e2e" };

describeEngine("containers that can't be inspected", () => {
  const stack = new AsyncDisposableStack();
  let engine: Engine;

  beforeAll(async () => {
    engine = attachEngine();
    stack.use(await startContainer(engine, { name: "e2e-listing-node", labels: LABELS }));
  });
  afterAll(() => stack.disposeAsync());

  test.each(["engine", "cli"] as const)("are taken from the engine's list (%s)", async (kind) => {
    const { signal } = new AbortController();
    const runtime = await openRuntime({
      runtime: kind,
      command: "docker",
      host: engine.host,
      context: undefined,
      tlsPath: undefined,
      filters: ["label=sind.cluster=listing"],
      clock: systemClock,
    });
    const broken: Pick<ContainerRuntime, "list" | "summaries" | "inspect"> = {
      list: () => runtime.list(signal),
      summaries: () => runtime.summaries(signal),
      inspect: async (ids) => ({
        documents: [],
        failures: ids.map((id) => ({ id, error: new Error("boom") })),
      }),
    };
    const identify = identifier(undefined, () => "docker");
    const ids = await runtime.list(signal);
    const question = { limitMs: 10_000, signal };
    const seen = await new DockerEngineSource(runtime, identify).inspect(ids, question);
    const listed = await new DockerEngineSource(broken as ContainerRuntime, identify).inspect(
      ids,
      question,
    );
    expect(seen.details).toHaveLength(1);
    expect(listed.failures.map(({ summary }) => summary)).toEqual(
      seen.details.map(({ identity, status }) => ({ identity, status })),
    );
    expect(listed.failures[0]?.summary).toMatchObject({
      identity: { name: "e2e-listing-node", node: "node", cluster: "listing" },
      status: "running",
    });
  });
});
