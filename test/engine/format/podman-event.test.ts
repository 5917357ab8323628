import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { parseDockerEvent } from "../../../src/engine/format/docker-event-line.ts";
import { parseInspect } from "../../../src/engine/format/docker-inspect.ts";
import { identifier } from "../../../src/engine/format/identity.ts";
import { parseRfc3339Ns } from "../../../src/engine/format/rfc3339.ts";
import { recordedFleet } from "../../support/recorded-fleet.ts";

const recorded = (name: string): string =>
  readFileSync(new URL(`../../fixtures/podman/${name}`, import.meta.url), "utf8").trimEnd();

/** `worker-0 die 137`, in order. */
function read(file: string): string[] {
  return recorded(file)
    .split("\n")
    .map((line) => {
      const event = parseDockerEvent(line);
      if (event === undefined || event === "malformed") throw new Error(`${event}: ${line}`);
      expect(event.id).toMatch(/^[0-9a-f]{64}$/);
      expect(event.timeNs).toBeGreaterThan(1_795_000_000_000_000_000n);
      expect(event.attributes.get("sind.cluster")).toBe("fix");
      const name = event.attributes.get("name")?.replace("sind-fix-", "");
      const exitCode = event.action === "die" ? ` ${event.attributes.get("exitCode")}` : "";
      return `${name} ${event.action}${exitCode}`;
    });
}

/** Returns the events of one container in order: events of two may alternate. */
const of = (name: string, events: readonly string[]): string[] =>
  events.filter((event) => event.startsWith(name));

test.each([
  // Version 4 has the result of the check before.
  ["4.3", "starting", "unhealthy"],
  ["5.4", "unhealthy", "healthy"],
])("reads the same from command and API of podman %s, in docker's words", (version, ...checks) => {
  const byCommand = read(`events-${version}-cli.jsonl`);
  expect(read(`events-${version}-api.jsonl`)).toEqual(byCommand);
  expect(of("worker", byCommand)).toEqual([
    "worker-0 create",
    "worker-0 start",
    ...checks.map((health) => `worker-0 health_status: ${health}`),
    "worker-0 pause",
    "worker-0 unpause",
    "worker-0 die 0",
    "worker-0 start",
    "worker-1 rename",
    "worker-1 die 137",
    "worker-1 destroy",
  ]);
  expect(of("policy", byCommand)).toEqual([
    "policy create",
    "policy start",
    "policy die 3",
    "policy restart",
    "policy start",
    "policy die 3",
    "policy destroy",
  ]);
  expect(of("oom", byCommand)).toEqual(["oom create", "oom start", "oom die 137", "oom destroy"]);
});

test("reads the time of podman 4 and 5 to the nanosecond", () => {
  const first = (file: string) => parseDockerEvent(recorded(file).split("\n")[0] ?? "");
  for (const version of ["4.3", "5.4"]) {
    const [byCommand, byApi] = ["cli", "api"].map((way) => first(`events-${version}-${way}.jsonl`));
    expect(byCommand).toMatchObject({ action: "create" });
    expect((byApi as { timeNs: bigint }).timeNs).toBe((byCommand as { timeNs: bigint }).timeNs);
  }
});

test.each(["4.3-cli", "4.3-api", "5.4-cli", "5.4-api"])(
  "reads podman's inspect document: %s",
  (which) => {
    const documents = JSON.parse(recorded(`inspect-${which}.json`)) as unknown[];
    const identify = identifier(undefined, () => "podman");
    const [node, policy, oom] = documents.map((document) => parseInspect(document, identify));
    expect(node).toMatchObject({
      identity: {
        name: "sind-fix-node",
        node: "node",
        cluster: "fix",
        image: "localhost/node:latest",
        runtime: "podman",
      },
      status: "running",
      health: undefined,
      finishedAtNs: 0n,
      runsSystemd: true,
    });
    expect(policy).toMatchObject({
      status: "exited",
      exitCode: 3,
      restartCount: 1,
      runsSystemd: false,
    });
    // Version 4 doesn't say so.
    expect(oom).toMatchObject({ exitCode: 137, oomKilled: which.startsWith("5.4") });
  },
);

test.each([
  ["configured", "created"],
  ["initialized", "created"],
  ["stopping", "running"],
  ["stopped", "exited"],
])("reads podman's status %s as %s", (word, status) => {
  const document = { Id: "5cb9", Name: "web", State: { Status: word } };
  expect(
    parseInspect(
      document,
      identifier(undefined, () => "podman"),
    )?.status,
  ).toBe(status);
});

test("reads a health check's event that lacks the result", () => {
  const line =
    '{"ID":"5cb9","Image":"busybox","Name":"web","Status":"health_status",' +
    '"Time":"2026-11-22T11:02:19.060434057+01:00","Type":"container","Attributes":null}';
  expect(parseDockerEvent(line)).toEqual({
    action: "health_status",
    id: "5cb9",
    attributes: new Map([
      ["name", "web"],
      ["image", "busybox"],
    ]),
    timeNs: parseRfc3339Ns("2026-11-22T11:02:19.060434057+01:00"),
  });
});

test.each([
  // The API doesn't report that the container was stopped, and no `stop` came before this end.
  ["api", { "ends-0": 0, "stops-0": 0, "stops-143": 0, "stops-137": 1, oom: 1 }],
  ["cli", { "ends-0": 0, "stops-0": 0, "stops-143": 0, "stops-137": 0, oom: 1 }],
] as const)("counts no good or requested exit as an OOM kill: podman's %s", (way, expected) => {
  const identify = identifier(undefined, () => "podman");
  const documents = JSON.parse(recorded(`oom-5.8-inspect-${way}.json`)) as unknown[];
  const { fleet, record } = recordedFleet();
  fleet.complete();
  for (const line of recorded(`oom-5.8-events-${way}.jsonl`).split("\n")) {
    const event = parseDockerEvent(line);
    if (event === undefined || event === "malformed") throw new Error(line);
    fleet.engineEvent(event);
    if (event.action !== "die") continue;
    for (const document of documents) {
      const details = parseInspect(document, identify);
      if (details?.identity.id === event.id) fleet.details(details, true);
    }
  }
  for (const [node, kills] of Object.entries(expected)) {
    const { counters, status } = record(`sind-fix-${node}`);
    expect([node, status, counters.oomEvents]).toEqual([node, "exited", kills]);
    expect([...counters.exits.values()]).toEqual([1]);
  }
  for (const document of documents) {
    expect(parseInspect(document, identify)).toMatchObject({ oomKilled: true });
  }
});
