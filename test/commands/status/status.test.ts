import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { showStatus } from "../../../src/commands/status/status.ts";
import { parseCommandLine } from "../../../src/config/parse-command.ts";
import type { StatusReport } from "../../../src/domain/status.ts";
import { systemClock } from "../../../src/platform/time/clock.ts";
import { recordedLog } from "../../support/recorded-log.ts";
import { StatusFleet } from "../../support/status-fleet.ts";
import { type StatusServer, startStatusServer } from "../../support/status-server.ts";
import { unitRow } from "../../support/systemd-facts.ts";
import { journalLine } from "../../support/journal-line.ts";

const ESCAPE = "\u001B[31m";

let made: StatusFleet;
let server: StatusServer;

beforeAll(async () => {
  made = new StatusFleet();
  const labels = { "sind.realm": "sind", "sind.cluster": "dev" };
  const bad = made.node("sind-dev-worker-0", { units: 3, labels });
  made.fails(bad, "missing.service", { exitStatus: 203 });
  made.happens("oom", "sind-dev-worker-0", labels);
  made.fails(bad, "hog.service", { result: "signal", exitStatus: 9 });
  made.node("sind-dev-worker-1", { units: 3, labels });
  made.node("sind-test-worker-1", { units: 3, labels: { ...labels, "sind.cluster": "test" } });
  made.happens("start", "web");
  made.happens("kill", "web", { signal: "9" });
  made.happens("die", "web", { exitCode: "137" });
  const evil = made.node(`evil${ESCAPE}`, { units: 0, labels: { image: `i${ESCAPE}` } });
  made.fails(evil, `a${ESCAPE}.service`, { result: `r${ESCAPE}` });
  server = await startStatusServer(made);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** Runs the command; ages and times in its output are replaced. */
async function run(...args: readonly string[]) {
  const parsed = parseCommandLine(["status", `--url=${server.url}`, ...args], {});
  if (parsed.kind !== "status") throw new Error("rejected");
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await showStatus({
    config: parsed.config,
    clock: systemClock,
    log: recordedLog().log,
    signal: new AbortController().signal,
    stdout,
    stderr,
  });
  stdout.end();
  stderr.end();
  const out = (await text(stdout))
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/g, "TIME")
    .replaceAll(/\b\d+ s\b/g, "0 s")
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z {2}/g, "TIME  ")
    .replaceAll(/known since \d\d:\d\d:\d\d/g, "known since TIME");
  return { code, out, err: await text(stderr) };
}

test("prints what needs attention, the worst first", async () => {
  const { code, out } = await run();
  expect(code).toBe(0);
  const evil = String.raw`evil\u001b[31m`;
  expect(out.split("\n")).toEqual([
    "3 containers need attention: 5 containers, 4 of 4 nodes watched, 3 failed units",
    "",
    `failing  ${evil}: 1 unit failed`,
    String.raw`  a\u001b[31m.service  failed for 0 s  r\u001b[31m, status 1, failed 1 ×`,
    "",
    "failing  sind-dev-worker-0 (worker-0 in dev): 1 OOM kill in 15 min, 2 units failed",
    "  hog.service      failed for 0 s  signal, SIGKILL; out of memory, failed 1 ×",
    "  missing.service  failed for 0 s  exit-code, status 203/EXEC: the program can't be executed, failed 1 ×",
    "",
    "failing  web: exited with code 137 (SIGKILL): killed on request by SIGKILL",
    "",
  ]);
});

test.each(["sind-dev-worker-0", "worker-0"])(
  "prints the state of the container %s",
  async (name) => {
    const { code, out } = await run(name);
    expect(code).toBe(0);
    expect(out.split("\n")).toEqual([
      "sind-dev-worker-0: 1 OOM kill in 15 min, 2 units failed",
      "  state         running",
      "  systemd       degraded, version 252.39-1~deb12u1; units: 3 active, 2 failed; over dbus for 0 s",
      "  started       TIME (0 s ago)",
      "  out of memory 0 s ago, killed hog.service",
      "  counts        1 start, 0 restarts by restart policy for 0 s",
      "  image         debian",
      "  where         node worker-0, cluster dev",
      "  last hour     2 failures, 1 OOM kill, 2 other changes, known since TIME UTC",
      "    TIME  running",
      "    TIME  missing.service failed: exit-code",
      "    TIME  systemd running → degraded",
      "    TIME  out of memory",
      "    TIME  hog.service failed: signal",
      "  hog.service      failed for 0 s  signal, SIGKILL; out of memory, failed 1 ×",
      "  missing.service  failed for 0 s  exit-code, status 203/EXEC: the program can't be executed, failed 1 ×",
      "",
    ]);
  },
);

test("prints the last lines of a unit, at most as many as --lines", async () => {
  const record = [...made.fleet.containers()].find(({ identity }) => identity.node === "worker-0");
  if (record === undefined) throw new Error("no worker-0");
  made.status.linesRead({
    identity: record.identity,
    change: undefined,
    run: { unit: "missing.service", invocationId: "" },
    order: 1,
    lines: [journalLine("one"), journalLine(`${ESCAPE}two\nmore`)],
  });
  const linesOf = async (...args: readonly string[]): Promise<readonly string[]> => {
    const { out } = await run("worker-0", "missing", ...args);
    return out.trimEnd().split("\n").slice(12);
  };
  const last = [String.raw`  2026-12-01T01:54:12.226Z app[151]: \u001b[31mtwo`, "  more"];
  expect(await linesOf()).toEqual(["", "  2026-12-01T01:54:12.226Z app[151]: one", ...last]);
  expect(await linesOf("--lines=1")).toEqual(["", ...last]);
  expect(await linesOf("--lines=0")).toEqual([]);
});

test("prints the state of a unit, by its name without a type", async () => {
  const { code, out } = await run("worker-0", "hog");
  expect(code).toBe(0);
  expect(out.split("\n")).toEqual([
    "hog.service in sind-dev-worker-0: failed for 0 s",
    "  why           signal, SIGKILL; out of memory",
    "  result        signal",
    "  ended with    SIGKILL",
    "  since         TIME (0 s ago)",
    "  failures      1 × signal",
    "  restarts      none",
    "  counted       for 0 s",
    "  last failure  TIME (0 s ago)",
    "  last hour     1 failure, 1 other change, known since TIME UTC",
    "    TIME  active",
    "    TIME  failed: signal",
    "",
  ]);
});

test.each([
  [["nowhere"], 'no such container: "nowhere"'],
  [["worker-1"], '"worker-1" is ambiguous: expected one of sind-dev-worker-1, sind-test-worker-1'],
  [["worker-0", "nothing"], 'no such unit is loaded in sind-dev-worker-0: "nothing.service"'],
  [["web", "a"], 'web doesn\'t run systemd: it has no unit "a.service"'],
])("rejects the names %j in one line", async (args, message) => {
  expect(await run(...args)).toEqual({ code: 1, out: "", err: `unitwatch status: ${message}\n` });
});

test("prints JSON that is safe on a terminal", async () => {
  const { out } = await run("--json");
  expect(out).not.toContain("\u001B");
  expect((JSON.parse(out) as StatusReport).containers).toHaveLength(3);
});

test("says that no unitwatch answers, without the password", async () => {
  const url = `--url=http://user:secret@127.0.0.1:${server.port}/elsewhere`;
  const parsed = parseCommandLine(["status", url], {});
  if (parsed.kind !== "status") throw new Error("rejected");
  const stderr = new PassThrough();
  const options = { config: parsed.config, clock: systemClock, log: recordedLog().log };
  const { signal } = new AbortController();
  expect(await showStatus({ ...options, signal, stdout: new PassThrough(), stderr })).toBe(1);
  stderr.end();
  expect(await text(stderr)).toBe(
    `unitwatch status: no unitwatch answers at http://127.0.0.1:${server.port}/elsewhere: HTTP status 404\n`,
  );
});

test("names the host by its node name, and a unit that it doesn't have", async () => {
  const facts = { id: "host", name: "", node: "rack-1", cluster: "", image: "", runtime: "" };
  const { systemd } = made.fleet.addHost({ ...facts, isHost: true });
  systemd.take({ kind: "attached", transport: "host", atNs: 1n });
  systemd.take({ kind: "listed", rows: [unitRow("bad.service", "failed")], asOfNs: 1n });

  const { out } = await run("rack-1");

  expect(out.split("\n")).toEqual([
    "rack-1: 1 unit failed",
    "  state         running",
    expect.stringMatching(/^ {2}systemd .*; over host for /),
    "  where         the host",
    "  last hour     no change, known since TIME UTC",
    expect.stringMatching(/^ {2}bad\.service  failed/),
    "",
  ]);
  const { code, err } = await run("rack-1", "nonesuch");
  expect({ code, err }).toEqual({
    code: 1,
    err: expect.stringContaining('no such unit is loaded in rack-1: "nonesuch'),
  });
});

test("prints the newest changes of the last hour, those alike in one line", async () => {
  const node = made.node("flaps", { units: 0 });
  for (let time = 0; time < 12; time += 1) {
    made.fails(node, "flaps.service", { result: time % 2 === 0 ? "signal" : "exit-code" });
  }
  const { out } = await run("flaps", "flaps");
  const lines = out.split("\n");
  const at = lines.findIndex((line) => line.startsWith("  last hour"));
  expect(lines[at]).toBe("  last hour     12 failures, 12 other changes, known since TIME UTC");
  const shown = lines.slice(at + 1, -1);
  expect(shown.length).toBeLessThanOrEqual(11);
  expect(shown.at(-1)).toMatch(/^ {4}TIME {2}failed: exit-code/);
});
