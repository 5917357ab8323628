import { getEventListeners } from "node:events";
import { expect, test } from "@jest/globals";
import { BridgeError } from "../../src/sources/bridge-error.ts";
import { FakeRuntime } from "../support/systemd/fake-runtime.ts";
import {
  standingBridge,
  watchBridge,
  type WatchedBridge,
} from "../support/systemd/watched-bridge.ts";

/** History with the words of the match rules left out, each question once in a row. */
function steps(history: readonly string[]): string[] {
  const words = history.map((line) => line.replace(/^(asked (?:AddMatch|GetNameOwner)).*/, "$1"));
  return words.filter((line, i) => line !== words[i - 1]);
}

/** Nothing waits for anything any more. */
function expectAtRest({ clock, abort }: WatchedBridge): void {
  expect(clock.pendingTimers).toBe(0);
  expect(getEventListeners(abort.signal, "abort")).toEqual([]);
}

test("it listens, then looks back, then lists, then asks systemd about itself", async () => {
  const watched = watchBridge({
    sink: (sink) => {
      sink.sinceNs = 1_000_000n;
    },
  });
  await watched.saw(/^manager/);
  expect(steps(watched.history).filter((step) => step !== "asked GetNameOwner")).toEqual([
    "asked Hello",
    "attached dbus",
    "asked AddMatch",
    "asked Subscribe",
    "journal sync",
    "journal read",
    "recovered 0",
    "asked ListUnits",
    "snapshot 0",
    "asked Get Version",
    "asked Get SystemState",
    "manager 252.39-1~deb12u2 running",
  ]);
  expect(watched.runtime.commands[0]).toEqual({
    command: ["systemd-stdio-bridge"],
    user: "65534:65534",
  });
  watched.abort.abort();
  expect(await watched.done).toBeUndefined();
  expectAtRest(watched);
});

test("it listens to what it needs, and to no more", async () => {
  const { systemd, abort, done } = await standingBridge();
  const rules = systemd.questions.filter((each) => each.startsWith("AddMatch "));
  const wanted = rules.map((rule) => /member='(\w+)'(?:,arg0='([\w.]+)')?$/.exec(rule)?.slice(1));
  expect(wanted).toEqual([
    ["PropertiesChanged", "org.freedesktop.systemd1.Unit"],
    ["PropertiesChanged", "org.freedesktop.systemd1.Service"],
    ...["Automount", "Mount", "Path", "Scope", "Socket", "Swap", "Timer"].map((type) => [
      "PropertiesChanged",
      `org.freedesktop.systemd1.${type}`,
    ]),
    ["UnitNew", undefined],
    ["UnitRemoved", undefined],
    ["Reloading", undefined],
    ["StartupFinished", undefined],
    ["NameOwnerChanged", "org.freedesktop.systemd1"],
  ]);
  expect(rules.every((rule) => rule.startsWith("AddMatch type='signal',sender='org."))).toBe(true);
  expect([...systemd.destinations].sort()).toEqual([
    "org.freedesktop.DBus",
    "org.freedesktop.systemd1",
  ]);
  abort.abort();
  await done;
});

test("the private socket is asked without a bus: no Hello, no rules, no destination", async () => {
  const watched = watchBridge({ target: "private" });
  await watched.saw(/^manager/);
  expect(steps(watched.history)).toEqual([
    "attached dbus",
    "recovered 0",
    "asked ListUnits",
    "snapshot 0",
    "asked Get Version",
    "asked Get SystemState",
    "manager 252.39-1~deb12u2 running",
  ]);
  expect([...watched.systemd.destinations]).toEqual([""]);
  expect(watched.runtime.commands).toEqual([
    { command: ["systemd-stdio-bridge", "-p", "unix:path=/run/systemd/private"], user: "0:0" },
  ]);
  watched.abort.abort();
  expect(await watched.done).toBeUndefined();
});

test("signals are taken on the private socket too", async () => {
  const { systemd, sink, abort, done, saw } = await standingBridge({ target: "private" });
  systemd.tell("UnitRemoved", "so", "a.service", "/a");
  await saw("removed a.service");
  expect(sink.history).toEqual(["removed a.service"]);
  abort.abort();
  await done;
});

test("a subscription that is there already is as good", async () => {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => {
    systemd.errors.set("Subscribe", "org.freedesktop.systemd1.AlreadySubscribed");
  };
  const { abort, done } = await standingBridge({ runtime });
  abort.abort();
  expect(await done).toBeUndefined();
});

test("the end of the stream is no fault", async () => {
  const watched = await standingBridge();
  watched.bridge.ends();
  expect(await watched.done).toBeUndefined();
  expectAtRest(watched);
});

test.each([
  ["before it has said anything", "", /ended the stream, before an answer to AUTH/],
  ["with words of its own", "Failed to connect to bus", /but said: Failed to connect to bus/],
])("an end %s is an error that says so", async (_when, greeting, message) => {
  const runtime = new FakeRuntime();
  runtime.prepare = (bridge) => {
    bridge.systemd.greeting = greeting;
    bridge.stdout.write(greeting);
    bridge.ends({ exitCode: 1, stderr: "no bus here\n" });
  };
  const watched = watchBridge({ runtime });
  const error = await watched.done;
  expect(error).toBeInstanceOf(BridgeError);
  expect(error).toMatchObject({ isFinal: false });
  expect(error?.message).toMatch(message);
  expect(error?.message).toMatch(/; no bus here$/);
  expectAtRest(watched);
});

test.each([
  [127, "", true],
  [126, 'OCI runtime exec failed: exec: "systemd-stdio-bridge": not found\r\n', true],
  [1, "OCI runtime exec failed: container not running\r\n", false],
  [undefined, "", false],
])("exit code %s and the words %j: final is %s", async (exitCode, text, isFinal) => {
  const runtime = new FakeRuntime();
  runtime.prepare = (bridge) => {
    if (text !== "") bridge.stdout.write(text);
    bridge.ends(exitCode === undefined ? { signal: "SIGKILL" } : { exitCode });
  };
  const watched = watchBridge({ runtime });
  const error = await watched.done;
  expect(error).toBeInstanceOf(BridgeError);
  expect(error).toMatchObject({ isFinal });
  if (text !== "") expect(error?.message).toContain("OCI runtime exec failed");
  expectAtRest(watched);
});

test("an engine that can't start it is the error itself", async () => {
  const runtime = new FakeRuntime();
  const failure = new Error("container is paused");
  runtime.beforeExec = () => Promise.reject(failure);
  const watched = watchBridge({ runtime });
  expect(await watched.done).toBe(failure);
  expectAtRest(watched);
});

/** Stages of an attempt, each by what is seen last and what is held up after it. */
const STAGES: readonly [string, RegExp, (runtime: FakeRuntime) => void][] = [
  ["the greeting", /^$/, (runtime) => (runtime.prepare = ({ systemd }) => (systemd.greeting = ""))],
  ["Hello", /^asked Hello/, silent("Hello")],
  ["the match rules", /^asked AddMatch/, silent("AddMatch")],
  ["Subscribe", /^asked Subscribe/, silent("Subscribe")],
  ["the journal's sync", /^journal sync/, (runtime) => (runtime.sync = new Promise(() => {}))],
  ["the journal", /^journal read/, (runtime) => (runtime.journal = new Promise(() => {}))],
  ["ListUnits", /^asked ListUnits/, silent("ListUnits")],
  ["a start time", /^asked Get ActiveEnterTimestamp/, silent("Get ActiveEnterTimestamp")],
  ["the manager", /^asked Get SystemState/, silent("Get SystemState")],
  ["nothing", /^manager/, () => {}],
];

function silent(question: string): (runtime: FakeRuntime) => void {
  return (runtime) => {
    runtime.prepare = ({ systemd }) => void systemd.silent.add(question);
  };
}

function heldUp(hold: (runtime: FakeRuntime) => void): WatchedBridge {
  const runtime = new FakeRuntime();
  hold(runtime);
  return watchBridge({
    runtime,
    sink: (sink) => {
      sink.sinceNs = 1_000_000n;
      sink.wanted = ["a.service"];
    },
  });
}

test.each(STAGES)("an abort while it waits for %s ends it by a goodbye", async (_, last, hold) => {
  const watched = heldUp(hold);
  if (last.source === "^$") await watched.clock.advance(0);
  else await watched.saw(last);
  watched.forget();
  watched.abort.abort(new Error("enough"));
  expect(await watched.done).toBeUndefined();
  expect(watched.history).toEqual(["goodbye"]);
  expect(watched.bridge.kills).toBe(0);
  expectAtRest(watched);
});

test.each(STAGES)("an end while it waits for %s leaves nothing behind", async (_, last, hold) => {
  const watched = heldUp(hold);
  if (last.source === "^$") await watched.clock.advance(0);
  else await watched.saw(last);
  watched.runtime.bridge.ends();
  // The journal is another command, which has an end of its own.
  if (last.source.startsWith("^journal")) watched.abort.abort();
  await watched.done;
  expectAtRest(watched);
});

test("what was aborted before it began isn't begun", async () => {
  const watched = watchBridge();
  watched.abort.abort();
  watched.runtime.beforeExec = async (signal) => signal.throwIfAborted();
  expect(await watched.done).toBeUndefined();
  expect(watched.history.filter((line) => line !== "goodbye")).toEqual([]);
  expectAtRest(watched);
});

test.each(["rejects", "resolves all the same"])(
  "an abort while it is started, which then %s",
  async (how) => {
    const runtime = new FakeRuntime();
    runtime.beforeExec = async (signal) => {
      await new Promise((resolve) => {
        signal.addEventListener("abort", resolve, { once: true });
      });
      if (how === "rejects") signal.throwIfAborted();
    };
    const watched = watchBridge({ runtime });
    await watched.clock.advance(0);
    watched.abort.abort();
    expect(await watched.done).toBeUndefined();
    expect(watched.history).toEqual(how === "rejects" ? [] : ["goodbye"]);
    expectAtRest(watched);
  },
);

test("a bridge that doesn't heed its goodbye is cut off after two seconds", async () => {
  const watched = await standingBridge();
  watched.bridge.heedsGoodbye = false;
  watched.abort.abort();
  await watched.clock.advance(1_999);
  expect(watched.history).toEqual(["goodbye"]);
  await watched.clock.advance(1);
  expect(await watched.done).toBeUndefined();
  expect(watched.history).toEqual(["goodbye", "kill"]);
  expectAtRest(watched);
});
