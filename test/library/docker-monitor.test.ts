import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import type { Event } from "../../src/domain/event.ts";
import { DockerMonitor, dockerEventsArgs } from "../../src/library/docker-monitor.ts";

interface Line {
  readonly action: string;
  readonly name?: unknown;
  readonly exitCode?: string;
  readonly time?: number;
}

function line({ action, name, exitCode, time = 1_234_567_890 }: Line): string {
  const attributes = { name, exitCode, "sind.cluster": "dev" };
  return JSON.stringify({
    Type: "container",
    Action: action,
    Actor: { Attributes: attributes },
    time,
  });
}

async function run(
  lines: readonly string[],
  monitor = new DockerMonitor("sind-dev-"),
): Promise<Event[]> {
  return Array.fromAsync(monitor.run([lines.join("\n")]));
}

test("emits start, die, oom, pause and unpause", async () => {
  const events = await run([
    line({ action: "start", name: "sind-dev-controller" }),
    line({ action: "die", name: "sind-dev-worker-0", exitCode: "137", time: 1_234_567_891 }),
    line({ action: "oom", name: "sind-dev-worker-1" }),
    line({ action: "pause", name: "sind-dev-controller" }),
    line({ action: "unpause", name: "sind-dev-controller" }),
  ]);
  expect(events.map(({ kind, node }) => [kind, node])).toEqual([
    ["container.start", "controller"],
    ["container.die", "worker-0"],
    ["container.oom", "worker-1"],
    ["container.pause", "controller"],
    ["container.unpause", "controller"],
  ]);
  expect(events[1]).toStrictEqual({
    kind: "container.die",
    node: "worker-0",
    container: "sind-dev-worker-0",
    unit: "",
    timeNs: 1_234_567_891_000_000_000n,
    detail: "exitCode=137",
  });
});

test.each([
  ["other actions", line({ action: "create", name: "sind-dev-controller" })],
  ["other containers", line({ action: "start", name: "other-container" })],
  ["the prefix alone", line({ action: "start", name: "sind-dev-" })],
  ["no name", line({ action: "start" })],
  ["other things", '{"Type":"network","Action":"start","Actor":{}}'],
])("skips %s", async (_, skipped) => {
  const monitor = new DockerMonitor("sind-dev-");
  expect(await run([skipped], monitor)).toEqual([]);
  expect(monitor.parseErrors).toBe(0);
});

test("counts and skips lines that can't be parsed", async () => {
  const monitor = new DockerMonitor("sind-dev-");
  const good = line({ action: "start", name: "sind-dev-controller" });
  const chunks = [
    "not json\n",
    `${line({ action: "start", name: 42 })}\n`,
    Buffer.from([0x22, 0xff, 0x22, 0x0a]),
    `{"padding":"${"x".repeat(1024 * 1024)}"}\n`,
    `${good}\n`,
    good.slice(0, -1),
  ];
  const events = await Array.fromAsync(monitor.run(chunks));
  expect(events.map(({ kind }) => kind)).toEqual(["container.start"]);
  expect(monitor.parseErrors).toBe(5);
});

test("keeps full container names when the prefix is empty", async () => {
  const events = await run([line({ action: "start", name: "any" })], new DockerMonitor(""));
  expect(events.map(({ node, container }) => [node, container])).toEqual([["any", "any"]]);
});

test("emits the events of recorded output", async () => {
  const bytes = readFileSync(new URL("../fixtures/docker/events.jsonl", import.meta.url));
  const monitor = new DockerMonitor("sind-fix-");
  const events = await Array.fromAsync(monitor.run([bytes]));
  expect(events.map(({ kind, node, detail }) => [kind, node, detail])).toEqual([
    ["container.start", "worker-0", ""],
    ["container.pause", "worker-0", ""],
    ["container.unpause", "worker-0", ""],
    ["container.die", "worker-0", "exitCode=137"],
    ["container.start", "worker-0", ""],
    ["container.die", "worker-9", "exitCode=137"],
    ["container.start", "mem", ""],
    ["container.oom", "mem", ""],
    ["container.die", "mem", "exitCode=137"],
  ]);
  expect(events.at(-1)?.timeNs).toBe(1_795_345_339_082_937_000n);
  expect(monitor.parseErrors).toBe(0);
});

test("builds arguments that select one cluster", () => {
  expect(dockerEventsArgs("mycluster")).toEqual([
    "events",
    "--filter",
    "type=container",
    "--filter",
    "label=sind.cluster=mycluster",
    "--format",
    "{{json .}}",
  ]);
});
