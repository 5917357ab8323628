import { getEventListeners } from "node:events";
import { expect, test } from "@jest/globals";
import { FakeRuntime } from "../../support/systemd/fake-runtime.ts";
import {
  standingBridge,
  watchBridge,
  type WatchedBridge,
} from "../../support/systemd/watched-bridge.ts";

/** Timers and listeners that are left. */
function leftovers({ clock, abort }: WatchedBridge): Record<string, number> {
  const listeners = getEventListeners(abort.signal, "abort").length;
  return { timers: clock.pendingTimers, listeners };
}

const NOTHING = { timers: 0, listeners: 0 };

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

test.each(STAGES)("closes gracefully when aborted while it waits for %s", async (_, last, hold) => {
  const watched = heldUp(hold);
  if (last.source === "^$") await watched.clock.advance(0);
  else await watched.saw(last);
  watched.forget();
  watched.abort.abort(new Error("enough"));
  expect(await watched.done).toBeUndefined();
  expect(watched.history).toEqual(["end of input"]);
  expect(watched.bridge.kills).toBe(0);
  expect(leftovers(watched)).toEqual(NOTHING);
});

test.each(STAGES)(
  "leaves nothing behind when the stream ends while it waits for %s",
  async (_, last, hold) => {
    const watched = heldUp(hold);
    if (last.source === "^$") await watched.clock.advance(0);
    else await watched.saw(last);
    watched.runtime.bridge.ends();
    // The journal is another command, which has an end of its own.
    if (last.source.startsWith("^journal")) watched.abort.abort();
    await watched.done;
    expect(leftovers(watched)).toEqual(NOTHING);
  },
);

test("starts nothing when it is aborted before", async () => {
  const watched = watchBridge();
  watched.abort.abort();
  watched.runtime.beforeExec = async (signal) => signal.throwIfAborted();
  expect(await watched.done).toBeUndefined();
  expect(watched.history.filter((line) => line !== "end of input")).toEqual([]);
  expect(leftovers(watched)).toEqual(NOTHING);
});

test.each(["rejects", "resolves all the same"])(
  "resolves when aborted during an exec that %s",
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
    expect(watched.history).toEqual(how === "rejects" ? [] : ["end of input"]);
    expect(leftovers(watched)).toEqual(NOTHING);
  },
);

test("cuts the bridge off when it goes on for two seconds after the end of its input", async () => {
  const watched = await standingBridge();
  watched.bridge.endsWithInput = false;
  watched.abort.abort();
  await watched.clock.advance(1_999);
  expect(watched.history).toEqual(["end of input"]);
  await watched.clock.advance(1);
  expect(await watched.done).toBeUndefined();
  expect(watched.history).toEqual(["end of input", "kill"]);
  expect(leftovers(watched)).toEqual(NOTHING);
});

test("reports the journal when the stream ends while it is read again", async () => {
  const watched = await standingBridge({ sink: (sink) => void (sink.sinceNs = 1n) });
  const journal = Promise.withResolvers<object>();
  watched.runtime.journal = journal.promise;
  watched.systemd.emitOwner("", ":1.1");
  await watched.saw("journal read");
  watched.bridge.ends();
  await watched.clock.advance(1_999);
  expect(watched.history).not.toContain("recovered 0");
  journal.resolve({});
  expect(await watched.done).toBeUndefined();
  expect(watched.history).toContain("recovered 0");
  expect(leftovers(watched)).toEqual(NOTHING);
});

test("ends without the journal when that hangs after the end of the stream", async () => {
  const watched = await standingBridge({ sink: (sink) => void (sink.sinceNs = 1n) });
  watched.runtime.journal = new Promise(() => {});
  watched.systemd.emitOwner("", ":1.1");
  await watched.saw("journal read");
  watched.bridge.ends();
  await watched.clock.advance(2_000);
  expect(await watched.done).toBeUndefined();
  expect(watched.history).not.toContain("recovered 0");
  expect(leftovers(watched)).toEqual(NOTHING);
});

test("fails soon when the stream breaks down while the first journal hangs", async () => {
  const watched = heldUp((runtime) => void (runtime.journal = new Promise(() => {})));
  await watched.saw("journal read");
  watched.systemd.errors.set("ListUnitsByPatterns", "org.example.No");
  watched.systemd.emit("UnitNew", "so", "a.service", "/u");
  await watched.saw(/^asked ListUnitsByPatterns/);
  await watched.clock.advance(2_000);
  expect(String(await watched.done)).toMatch(/no$/);
  expect(leftovers(watched)).toEqual(NOTHING);
});
