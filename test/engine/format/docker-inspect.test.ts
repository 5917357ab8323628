import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { parseInspect } from "../../../src/engine/format/docker-inspect.ts";
import { identifier } from "../../../src/engine/format/identity.ts";
import { parseRfc3339Ns } from "../../../src/engine/format/rfc3339.ts";

const identify = identifier(undefined, () => "docker");
const recorded = JSON.parse(
  readFileSync(new URL("../../fixtures/docker/inspect.json", import.meta.url), "utf8"),
) as unknown[];

test("reads the recorded document of a running sind node", () => {
  expect(parseInspect(recorded[0], identify)).toEqual({
    identity: {
      id: "5fde321226975f53aa2fbe2628d3efa41a7eadad4d096f7d914ec5e7b9455106",
      name: "sind-dev-worker-0",
      node: "worker-0",
      cluster: "dev",
      image: "unitwatch-test/node:bookworm",
      runtime: "docker",
    },
    status: "running",
    health: undefined,
    createdAtNs: parseRfc3339Ns("2026-11-22T10:54:30.660095738Z"),
    startedAtNs: parseRfc3339Ns("2026-11-22T11:40:45.689289794Z"),
    finishedAtNs: parseRfc3339Ns("2026-11-22T11:40:44.513629711Z"),
    exitCode: 0,
    oomKilled: false,
    pid: 10_365,
    restartCount: 0,
    runsSystemd: true,
  });
});

test("reads a restarted Compose container and one that ran out of memory", () => {
  expect(recorded.slice(1).map((document) => parseInspect(document, identify))).toMatchObject([
    {
      identity: { name: "uwtest-inspect", node: "web-2", cluster: "shop" },
      status: "exited",
      health: "unhealthy",
      exitCode: 3,
      oomKilled: false,
      restartCount: 2,
      runsSystemd: false,
    },
    {
      identity: { name: "uwtest-oom", node: "uwtest-oom", cluster: "" },
      exitCode: 137,
      oomKilled: true,
      restartCount: 0,
      runsSystemd: false,
    },
  ]);
});

type Json = Readonly<Record<string, unknown>>;

const PLAIN = { Id: "a1", Name: "/web", Path: "sh", Args: [], State: { Status: "running" } };

function inspected(root: Json, config: Json = {}): ReturnType<typeof parseInspect> {
  return parseInspect({ ...PLAIN, ...root, Config: config }, identify);
}

test.each([
  ["/sbin/init", [], true],
  ["/usr/sbin/init", [], true],
  ["/bin/init", [], true],
  ["/lib/systemd/systemd", [], true],
  ["/usr/lib/systemd/systemd", ["--unit=x.target"], true],
  ["/bin/systemd", [], true],
  ["/usr/local/bin/entrypoint", ["/sbin/init"], true],
  ["/entrypoint.sh", ["a", "/usr/lib/systemd/systemd"], true],
  ["sh", ["-c", "exec /sbin/init"], false],
  ["/sbin/init.sh", [], false],
  ["/opt/sbin/init", [], false],
  ["/usr/bin/tini", ["--", "nginx"], false],
  ["init", [], false],
  ["", [], false],
])("takes the command %s %j for systemd: %s", (path, args, runsSystemd) => {
  expect(inspected({ Path: path, Args: args })?.runsSystemd).toBe(runsSystemd);
});

test.each([
  ["SIGRTMIN+3", true],
  ["RTMIN+3", true],
  ["37", true],
  [37, true],
  ["SIGTERM", false],
  ["15", false],
  [15, false],
  ["", false],
  [undefined, false],
])("takes the stop signal %j for systemd's: %s", (signal, runsSystemd) => {
  expect(inspected({}, { StopSignal: signal })?.runsSystemd).toBe(runsSystemd);
});

test("follows the label before everything else", () => {
  const says = (value: unknown): Json => ({
    StopSignal: "SIGRTMIN+3",
    Labels: { "unitwatch.systemd": value },
  });
  expect(inspected({ Path: "/sbin/init" }, says("false"))?.runsSystemd).toBe(false);
  expect(inspected({}, { Labels: { "unitwatch.systemd": "true" } })?.runsSystemd).toBe(true);
  for (const other of ["", "no", "TRUE", true, null]) {
    expect(inspected({}, says(other))?.runsSystemd).toBe(true);
    expect(inspected({}, { Labels: { "unitwatch.systemd": other } })?.runsSystemd).toBe(false);
  }
});

test.each([
  null,
  undefined,
  7,
  "text",
  [],
  {},
  { ...PLAIN, Id: "" },
  { ...PLAIN, Id: 7 },
  { ...PLAIN, Name: "/" },
  { ...PLAIN, Name: undefined },
  { ...PLAIN, State: undefined },
  { ...PLAIN, State: { Status: "" } },
  { ...PLAIN, State: { Status: "elsewhere" } },
  { ...PLAIN, State: { Status: "constructor" } },
  { ...PLAIN, State: ["running"] },
])("returns undefined for %j", (document) => {
  expect(parseInspect(document, identify)).toBeUndefined();
});

test("leaves out members of another shape", () => {
  expect(
    parseInspect(
      {
        ...PLAIN,
        Created: 5,
        Args: "/sbin/init",
        RestartCount: -3,
        State: {
          Status: "exited",
          ExitCode: "137",
          OOMKilled: "true",
          StartedAt: null,
          FinishedAt: "yesterday",
          Health: { Status: "odd" },
        },
        Config: { Image: 7, Labels: ["x"], StopSignal: {} },
      },
      identify,
    ),
  ).toEqual({
    identity: { id: "a1", name: "web", node: "web", cluster: "", image: "", runtime: "docker" },
    status: "exited",
    health: undefined,
    createdAtNs: 0n,
    startedAtNs: 0n,
    finishedAtNs: 0n,
    exitCode: 0,
    oomKilled: false,
    pid: 0,
    restartCount: 0,
    runsSystemd: false,
  });
  for (const count of [1.5, 1e300, Number.NaN, "7", null]) {
    expect(inspected({ RestartCount: count })?.restartCount).toBe(0);
  }
});

test.each(["healthy", "unhealthy", "starting"])("reads the health status %s", (health) => {
  const State = { Status: "running", Health: { Status: health } };
  expect(inspected({ State })?.health).toBe(health);
});

test("reads no built-in property as a label", () => {
  const document = JSON.parse(
    '{"Id":"a1","Name":"/__proto__","State":{"Status":"running"},"Config":{"Labels":{"__proto__":{"sind.cluster":"x"},"constructor":7}}}',
  ) as unknown;
  expect(parseInspect(document, identify)?.identity).toMatchObject({
    name: "__proto__",
    cluster: "",
  });
});
