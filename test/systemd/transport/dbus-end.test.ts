import { getEventListeners } from "node:events";
import { expect, test } from "@jest/globals";
import { FakeRuntime } from "../../support/systemd/fake-runtime.ts";
import {
  standingBridge,
  watchBridge,
  type WatchedBridge,
} from "../../support/systemd/watched-bridge.ts";

/** What waits for something still. */
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

test.each(STAGES)(
  "an abort while it waits for %s ends it by a gracefulClose",
  async (_, last, hold) => {
    const watched = heldUp(hold);
    if (last.source === "^$") await watched.clock.advance(0);
    else await watched.saw(last);
    watched.forget();
    watched.abort.abort(new Error("enough"));
    expect(await watched.done).toBeUndefined();
    expect(watched.history).toEqual(["gracefulClose"]);
    expect(watched.bridge.kills).toBe(0);
    expect(leftovers(watched)).toEqual(NOTHING);
  },
);

test.each(STAGES)("an end while it waits for %s leaves nothing behind", async (_, last, hold) => {
  const watched = heldUp(hold);
  if (last.source === "^$") await watched.clock.advance(0);
  else await watched.saw(last);
  watched.runtime.bridge.ends();
  // The journal is another command, which has an end of its own.
  if (last.source.startsWith("^journal")) watched.abort.abort();
  await watched.done;
  expect(leftovers(watched)).toEqual(NOTHING);
});

test("what was aborted before it began isn't begun", async () => {
  const watched = watchBridge();
  watched.abort.abort();
  watched.runtime.beforeExec = async (signal) => signal.throwIfAborted();
  expect(await watched.done).toBeUndefined();
  expect(watched.history.filter((line) => line !== "gracefulClose")).toEqual([]);
  expect(leftovers(watched)).toEqual(NOTHING);
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
    expect(watched.history).toEqual(how === "rejects" ? [] : ["gracefulClose"]);
    expect(leftovers(watched)).toEqual(NOTHING);
  },
);

test("a bridge that doesn't heed its gracefulClose is cut off after two seconds", async () => {
  const watched = await standingBridge();
  watched.bridge.heedsGoodbye = false;
  watched.abort.abort();
  await watched.clock.advance(1_999);
  expect(watched.history).toEqual(["gracefulClose"]);
  await watched.clock.advance(1);
  expect(await watched.done).toBeUndefined();
  expect(watched.history).toEqual(["gracefulClose", "kill"]);
  expect(leftovers(watched)).toEqual(NOTHING);
});
