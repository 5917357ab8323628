import { expect, test } from "@jest/globals";
import { BridgeError, verdictOf } from "../../../src/systemd/transport/bridge-error.ts";
import { FakeRuntime } from "../../support/systemd/fake-runtime.ts";
import { standingBridge, watchBridge } from "../../support/systemd/watched-bridge.ts";

const LATER: readonly [string, (systemd: Later) => void][] = [
  ["ListUnitsByPatterns", (systemd) => systemd.emit("UnitNew", "so", "a.service", "/u")],
  ["ListUnits", (systemd) => systemd.emit("Reloading", "b", false)],
  [
    "Get SystemState",
    (systemd) => systemd.emit("StartupFinished", "tttttt", 1n, 2n, 3n, 4n, 5n, 6n),
  ],
  ["Subscribe", (systemd) => systemd.emitOwner("", ":1.1")],
];
type Later = Awaited<ReturnType<typeof standingBridge>>["systemd"];

test.each(LATER)(
  "ends the stream when %s, called because of a signal, fails",
  async (what, ask) => {
    const watched = await standingBridge();
    watched.systemd.errors.set(what, "org.example.No");
    ask(watched.systemd);
    expect(String(await watched.done)).toBe("org.example.No: no");
    expect(watched.clock.pendingTimers).toBe(0);
  },
);

test.each(LATER)(
  "ends the stream when %s, called because of a signal, isn't answered, but a later call is",
  async (what, ask) => {
    const watched = await standingBridge();
    watched.systemd.silent.add(what);
    ask(watched.systemd);
    await watched.saw(new RegExp(`^asked ${what}`));
    await watched.clock.advance(15_000);
    expect((await watched.done)?.message).toMatch(/no reply to .*, but to a later call/);
    expect(watched.clock.pendingTimers).toBe(0);
  },
);

test("reports the fault that came first when the first listing is pending", async () => {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => {
    systemd.silent.add("ListUnits");
    systemd.errors.set("ListUnitsByPatterns", "org.example.No");
  };
  const watched = watchBridge({ runtime });
  await watched.saw("asked ListUnits");
  watched.systemd.emit("UnitNew", "so", "a.service", "/u");
  expect(String(await watched.done)).toBe("org.example.No: no");
});

test("skips a unit when its start time is unavailable", async () => {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => {
    systemd.errors.set("Get ActiveEnterTimestamp", "org.freedesktop.DBus.Error.UnknownObject");
  };
  const watched = watchBridge({
    runtime,
    sink: (sink) => {
      sink.wanted = ["a.service", "b.service"];
    },
  });
  await watched.saw(/^manager/);
  expect(watched.sink.startTimes.size).toBe(0);
  watched.abort.abort();
  expect(await watched.done).toBeUndefined();
});

test("reports an unavailable journal, and goes on", async () => {
  const runtime = new FakeRuntime();
  runtime.journal = { exitCode: 127, stdout: "journalctl: not found" };
  const watched = await standingBridge({
    runtime,
    sink: (sink) => {
      sink.sinceNs = 1n;
    },
  });
  expect(watched.sink.entries).toEqual([undefined]);
  watched.abort.abort();
  expect(await watched.done).toBeUndefined();
});

test("ignores signals before Hello is answered", async () => {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => void systemd.silent.add("Hello");
  const watched = watchBridge({ runtime });
  await watched.saw("asked Hello");
  watched.systemd.emit("UnitNew", "so", "a.service", "/u");
  watched.systemd.emit("UnitRemoved", "so", "b.service", "/u");
  watched.systemd.emitOwner("", ":1.1");
  await watched.clock.advance(0);
  expect(watched.history).toEqual(["asked Hello"]);
  watched.abort.abort();
  expect(await watched.done).toBeUndefined();
});

const CALLS = ["Hello", "AddMatch", "GetNameOwner", "Subscribe", "ListUnits", "Get Version"];

test.each(CALLS)("fails with the error when %s fails", async (question) => {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => void systemd.errors.set(question, "org.example.No");
  const watched = watchBridge({ runtime });
  const error = await watched.done;
  expect(String(error)).toContain("org.example.No");
  expect(watched.history.filter((line) => line === "end of input")).toHaveLength(1);
  expect(watched.clock.pendingTimers).toBe(0);
});

test.each([
  ...["Hello", "AddMatch", "GetNameOwner"].map((of) => [of, 10_000, /10000 ms/] as const),
  // systemd has as long as its heartbeat.
  ...["Subscribe", "ListUnits", "Get Version"].map(
    (of) => [of, 15_000, /no reply to .*, but to a later call/] as const,
  ),
])("fails when %s isn't answered for %i ms", async (question, limitMs, message) => {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => void systemd.silent.add(question);
  const watched = watchBridge({ runtime });
  await watched.saw(new RegExp(`^asked ${question}`));
  await watched.clock.advance(limitMs - 1);
  expect(watched.history).not.toContain("end of input");
  await watched.clock.advance(1);
  const error = await watched.done;
  expect(error).toBeInstanceOf(BridgeError);
  expect(error?.message).toMatch(message);
  expect(watched.clock.pendingTimers).toBe(0);
});

test("fails when systemd doesn't answer at all for 30 s", async () => {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => void systemd.hang();
  const watched = watchBridge({ runtime });
  await watched.saw(/^asked Subscribe/);
  await watched.clock.advance(29_999);
  expect(watched.history).not.toContain("end of input");
  await watched.clock.advance(1);
  const error = await watched.done;
  expect(error?.message).toBe("systemd doesn't answer");
  // Each transport would lead to the same systemd.
  expect(verdictOf(error)).toBe("outside");
  expect(watched.clock.pendingTimers).toBe(0);
});

test("fails when the units don't fit into one message, and reads little of it", async () => {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => void systemd.silent.add("ListUnits");
  const watched = watchBridge({ runtime });
  await watched.saw("asked ListUnits");
  // The head of an answer: 60,000 units.
  const head = Buffer.from("6c0201010000000009000000100000000501750004000000", "hex");
  head.writeUInt32LE(20_000_000, 4);
  watched.bridge.stdout.write(head);
  expect((await watched.done)?.message).toBe(
    "systemd has too many units to be listed (a message of 20000032 bytes, more than 16777216)",
  );
});
