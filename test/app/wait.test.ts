import { PassThrough } from "node:stream";
import { expect, test } from "@jest/globals";
import { runWait } from "../../src/app/wait.ts";
import type { WaitConfig } from "../../src/config/command-config.ts";
import { parseCommandLine } from "../../src/config/parse-command.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { idOf } from "../support/engine-facts.ts";
import { fakeEngine } from "../support/fake-engine.ts";
import type { FakeEngine } from "../support/fake-engine.ts";
import { recordedLog } from "../support/recorded-log.ts";

function configOf(host: string, args: readonly string[]): WaitConfig {
  const parsed = parseCommandLine(["wait", `--docker.host=${host}`, ...args], {});
  if (parsed.kind !== "wait") throw new Error(JSON.stringify(parsed));
  return parsed.config;
}

async function waited(host: string, args: readonly string[]) {
  const { log, lines } = recordedLog(systemClock);
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const { signal } = new AbortController();
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

const RUNNING = JSON.stringify({
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
});

/** An engine with one container that runs, `a`. */
function engineWithA(): Promise<FakeEngine> {
  return fakeEngine({
    answer(path, response) {
      if (path.includes("/events?")) response.flushHeaders();
      else if (path.endsWith("/containers/a/json") || path.includes(idOf("a")))
        response.end(RUNNING);
      else return false;
      return true;
    },
  });
}

test("of all containers none but those that are named is asked about, nor any looked into", async () => {
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

test("an engine that isn't there is said at once, and is what is missing in the end", async () => {
  const { outcome, stdout, stderr, lines } = await waited("unix:///nowhere", [
    "--container=a",
    "--timeout=400ms",
  ]);
  expect(outcome).toMatchObject({ kind: "time" });
  expect(stdout).toBe("");
  expect(lines[0]).toMatch(/^level=error msg="cannot watch" detail="docker events can't be had: /);
  expect(stderr.split("\n").slice(1)).toEqual([
    "  the engine can't be watched: cannot connect to the engine at /nowhere (ENOENT): is it running?",
    "  a: no such container yet",
    "",
  ]);
});

test("--quiet says nothing at all", async () => {
  const args = ["--container=a", "--timeout=400ms", "--quiet"];
  const { outcome, stdout, stderr, lines } = await waited("unix:///nowhere", args);
  expect(outcome).toMatchObject({ kind: "time" });
  expect([stdout, stderr, lines]).toEqual(["", "", []]);
});
