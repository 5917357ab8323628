import { PassThrough } from "node:stream";
import { expect, test } from "@jest/globals";
import { runWait } from "../../../src/commands/wait/wait.ts";
import type { WaitConfig } from "../../../src/config/config.ts";
import { parseCommandLine } from "../../../src/config/parse-command.ts";
import { systemClock } from "../../../src/platform/time/clock.ts";
import { idOf } from "../../support/engine-facts.ts";
import { fakeEngine } from "../../support/fake-engine.ts";
import type { FakeEngine } from "../../support/fake-engine.ts";
import { recordedLog } from "../../support/recorded-log.ts";

function configOf(host: string, args: readonly string[]): WaitConfig {
  const parsed = parseCommandLine(["wait", `--docker.host=${host}`, ...args], {});
  if (parsed.kind !== "wait") throw new Error(JSON.stringify(parsed));
  return parsed.config;
}

async function waited(
  host: string,
  args: readonly string[],
  { signal }: Pick<AbortController, "signal"> = new AbortController(),
) {
  const { log, lines } = recordedLog(systemClock);
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const outcome = await runWait({
    config: configOf(host, args),
    clock: systemClock,
    log,
    signal,
    sinceMs: systemClock.monotonicMs(),
    stdout,
    stderr,
    by: () => undefined,
  });
  const textOf = (stream: PassThrough): string => String(stream.read() ?? "");
  return { outcome, lines, stdout: textOf(stdout), stderr: textOf(stderr) };
}

const RUNNING = {
  Id: idOf("a"),
  Name: "/a",
  Created: "2026-01-01T00:00:00Z",
  RestartCount: 0,
  State: {
    Status: "running",
    StartedAt: "2026-01-01T00:00:00Z",
    FinishedAt: "0001-01-01T00:00:00Z",
    ExitCode: 0,
    OOMKilled: false,
  },
  Config: { Image: "x", Labels: {} },
};

/** Starts an engine with one running container, `a`. */
function engineWithA(): Promise<FakeEngine> {
  return fakeEngine({
    answer(path, response) {
      if (path.includes("until=")) response.end();
      else if (path.includes("/events?")) response.flushHeaders();
      else if (path.endsWith("/containers/a/json") || path.includes(idOf("a")))
        response.end(JSON.stringify(RUNNING));
      else return false;
      return true;
    },
  });
}

test("inspects only the named container and starts no exec", async () => {
  await using engine = await engineWithA();
  const { outcome, stdout, stderr, lines } = await waited(`unix://${engine.socketPath}`, [
    "--container=a",
  ]);
  expect(outcome).toMatchObject({ kind: "true" });
  expect(stdout).toMatch(/^true after \d+\.\ds: a runs\n$/);
  expect([stderr, lines]).toEqual(["", []]);
  const asked = engine.requests.filter((request) => !/_ping|\/events\?/.test(request));
  expect(asked).toEqual([
    "GET /v1.41/containers/a/json",
    `GET /v1.41/containers/${idOf("a")}/json`,
  ]);
});

test("logs an unavailable engine at once and reports it as missing", async () => {
  const { outcome, stdout, stderr, lines } = await waited("unix:///nowhere", [
    "--container=a",
    "--timeout=400ms",
  ]);
  expect(outcome).toMatchObject({ kind: "time" });
  expect(stdout).toBe("");
  expect(lines[0]).toMatch(
    /^level=error msg="engine watch failed" detail="docker events unavailable: /,
  );
  expect(stderr.split("\n").slice(1)).toEqual([
    "  the engine can't be watched: cannot connect to the engine at /nowhere (ENOENT): is it running?",
    "  a: no such container yet",
    "",
  ]);
});

test("logs what is missing when that changes, at debug", async () => {
  const { lines } = await waited("unix:///nowhere", [
    "--container=a",
    "--timeout=400ms",
    "--log.level=debug",
  ]);
  const missing = lines.filter((line) => line.includes("msg=missing"));
  expect(missing).toHaveLength(1);
  expect(missing[0]).toMatch(
    /^level=debug msg=missing what="the engine can't be watched: .*; a: no such container yet"$/,
  );
});

test("prints and logs nothing when --quiet is set", async () => {
  const args = ["--container=a", "--timeout=400ms", "--quiet"];
  const { outcome, stdout, stderr, lines } = await waited("unix:///nowhere", args);
  expect(outcome).toMatchObject({ kind: "time" });
  expect([stdout, stderr, lines]).toEqual(["", "", []]);
});

/** Returns the first commands that run in a node which started then, and which all fail. */
async function firstCommands(startedAt: string, count: number): Promise<readonly string[]> {
  const node = {
    ...RUNNING,
    State: { ...RUNNING.State, StartedAt: startedAt },
    Config: { ...RUNNING.Config, StopSignal: "SIGRTMIN+3" },
  };
  const commands: string[] = [];
  const end = new AbortController();
  await using engine = await fakeEngine({
    answer(path, response) {
      if (path.includes("until=")) response.end();
      else if (path.includes("/events?")) response.flushHeaders();
      else if (path.endsWith("/exec")) response.end(JSON.stringify({ Id: "e1" }));
      else if (path.endsWith("/exec/e1/json")) response.end(JSON.stringify({ ExitCode: 1 }));
      else response.end(JSON.stringify(node));
      return true;
    },
    upgraded(socket) {
      const { Cmd: words } = engine.bodies.find(isExec) as { readonly Cmd: readonly string[] };
      engine.bodies.length = 0;
      // Each has a mark of its own.
      commands.push(words.join(" ").replace(/,unitwatch=\S+/, ""));
      if (commands.length === count) end.abort();
      socket.end();
    },
  });
  await waited(`unix://${engine.socketPath}`, ["--container=a", "--system=running"], end);
  return commands;
}

function isExec(body: unknown): boolean {
  return typeof body === "object" && body !== null && "Cmd" in body;
}

test("skips the bus at once when the node has none and has booted", async () => {
  const bus = "systemd-stdio-bridge -p unix:path=/run/dbus/system_bus_socket";
  const direct = "systemd-stdio-bridge -p unix:path=/run/systemd/private";
  expect(await firstCommands("2020-01-01T00:00:00Z", 2)).toEqual([bus, direct]);
  expect(await firstCommands(new Date().toISOString(), 2)).toEqual([bus, bus]);
});
