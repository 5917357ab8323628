import type { ServerResponse } from "node:http";
import { PassThrough, Writable } from "node:stream";
import { expect, test } from "@jest/globals";
import { showEvents } from "../../../src/commands/events/events.ts";
import type { EventsConfig } from "../../../src/config/config.ts";
import { parseCommandLine } from "../../../src/config/parse-command.ts";
import { systemClock } from "../../../src/platform/time/clock.ts";
import { idOf } from "../../support/engine-facts.ts";
import { eventually } from "../../support/eventually.ts";
import { fakeEngine } from "../../support/fake-engine.ts";
import { recordedLog } from "../../support/recorded-log.ts";

function configOf(host: string, args: readonly string[]): EventsConfig {
  const parsed = parseCommandLine(["events", `--docker.host=${host}`, ...args], {});
  if (parsed.kind !== "events") throw new Error(JSON.stringify(parsed));
  return parsed.config;
}

/** Starts the command on an engine without containers, which emits events for the test. */
async function shown(args: readonly string[], stdout: Writable) {
  let events: ServerResponse | undefined;
  const engine = await fakeEngine({
    answer(path, response) {
      if (path.includes("/containers/json")) response.end("[]");
      else if (!path.includes("/events?")) return false;
      else if (path.includes("until")) response.end();
      else {
        events = response;
        response.flushHeaders();
      }
      return true;
    },
  });
  const { log, lines } = recordedLog(systemClock);
  const end = new AbortController();
  const config = configOf(`unix://${engine.socketPath}`, args);
  const context = { config, clock: systemClock, log, signal: end.signal, stdout, colour: false };
  const showing = showEvents(context);
  await eventually(() => lines.includes('level=debug msg="containers listed"'));
  let timeNs = systemClock.nowNs();
  return {
    lines,
    showing,
    stop: () => end.abort(),
    emit: (action: string, name: string) => {
      const Actor = { ID: idOf(name), Attributes: { name, exitCode: "1" } };
      timeNs += 1n;
      const text = JSON.stringify({ Type: "container", Action: action, Actor });
      events?.write(`${text.slice(0, -1)},"timeNano":${timeNs}}\n`);
    },
    async [Symbol.asyncDispose]() {
      end.abort();
      await showing;
      await engine[Symbol.asyncDispose]();
    },
  };
}

test("prints one line for each matching change until the signal aborts", async () => {
  const stdout = new PassThrough();
  await using events = await shown(
    ["--container=a*", "--kind=container.die,container.oom"],
    stdout,
  );
  events.emit("start", "a1");
  events.emit("die", "a1");
  events.emit("die", "b");
  events.emit("oom", "a2");
  await eventually(() => stdout.readableLength > 0 && events.lines.length > 1);
  let text = "";
  stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await eventually(() => text.includes("oom"));
  events.stop();
  expect(await events.showing).toBeUndefined();
  expect(text.replaceAll(/\S+Z /g, "TIME ")).toBe(
    "TIME  a1  container.die      -  exitCode=1\nTIME  a2  container.oom      -\n",
  );
});

test("drops the oldest changes, logs their number and bounds memory when the client is slow", async () => {
  const taken: string[] = [];
  let take: (() => void) | undefined;
  let isSlow = true;
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      taken.push(chunk.toString());
      if (isSlow) take = done;
      else done();
    },
  });
  await using events = await shown(["--json", "--kind=container.die"], stdout);
  const COUNT = 15_000;
  for (let index = 0; index < COUNT; index += 1) {
    events.emit("start", `c${index}`);
    events.emit("die", `c${index}`);
  }
  events.emit("oom", "last");
  await eventually(() => events.lines.some((line) => line.includes("container=last")));
  expect(stdout.writableLength).toBeLessThan(100_000);

  isSlow = false;
  take?.();
  await eventually(() => taken.at(-1)?.includes(`"c${COUNT - 1}"`) === true);
  const line = events.lines.find((each) => each.includes("changes dropped"));
  const dropped = Number(/ dropped=(\d+)$/.exec(line ?? "")?.[1]);
  expect(line).toMatch(/^level=warn msg="changes dropped" dropped=/);
  expect(taken.length + dropped).toBe(COUNT);
  expect(dropped).toBeGreaterThanOrEqual(COUNT - 11_000);
});

test("ends within its limit when the client never reads", async () => {
  const stdout = new Writable({ write: () => {}, highWaterMark: 1 });
  await using events = await shown(["--kind=container.die"], stdout);
  events.emit("start", "a");
  events.emit("die", "a");
  await eventually(() => stdout.writableLength > 0);
  events.stop();
  expect(await events.showing).toBeUndefined();
});

test("ends when the client closes the pipe, and fails when the disk is full", async () => {
  for (const [code, kind] of [
    ["EPIPE", "closed"],
    ["ENOSPC", "failed"],
  ] as const) {
    const stdout = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code })),
    });
    await using events = await shown(["--kind=container.die"], stdout);
    events.emit("start", "a");
    events.emit("die", "a");
    expect(await events.showing).toMatchObject({ kind });
  }
});
