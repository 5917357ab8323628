import { expect, test } from "@jest/globals";
import { BridgeError } from "../../../src/systemd/transport/bridge-error.ts";
import { FakeRuntime } from "../../support/systemd/fake-runtime.ts";
import { standingBridge, watchBridge } from "../../support/systemd/watched-bridge.ts";

const LATER: readonly [string, (systemd: Later) => void][] = [
  ["ListUnitsByPatterns", (systemd) => systemd.tell("UnitNew", "so", "a.service", "/u")],
  ["ListUnits", (systemd) => systemd.tell("Reloading", "b", false)],
  [
    "Get SystemState",
    (systemd) => systemd.tell("StartupFinished", "tttttt", 1n, 2n, 3n, 4n, 5n, 6n),
  ],
  ["Subscribe", (systemd) => systemd.tellOwner("", ":1.1")],
];
type Later = Awaited<ReturnType<typeof standingBridge>>["systemd"];

test.each(LATER)(
  "an error for %s, asked because of a signal, ends the stream",
  async (what, ask) => {
    const watched = await standingBridge();
    watched.systemd.errors.set(what, "org.example.No");
    ask(watched.systemd);
    expect(String(await watched.done)).toBe("org.example.No: no");
    expect(watched.clock.pendingTimers).toBe(0);
  },
);

test.each(LATER)(
  "no answer to %s, asked because of a signal, ends the stream",
  async (what, ask) => {
    const watched = await standingBridge();
    watched.systemd.silent.add(what);
    ask(watched.systemd);
    await watched.saw(new RegExp(`^asked ${what}`));
    await watched.clock.advance(10_000);
    expect((await watched.done)?.message).toMatch(/no reply to .* within 10000 ms/);
    expect(watched.clock.pendingTimers).toBe(0);
  },
);

test("an error beside the first questions is the one that is told", async () => {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => {
    systemd.silent.add("ListUnits");
    systemd.errors.set("ListUnitsByPatterns", "org.example.No");
  };
  const watched = watchBridge({ runtime });
  await watched.saw("asked ListUnits");
  watched.systemd.tell("UnitNew", "so", "a.service", "/u");
  expect(String(await watched.done)).toBe("org.example.No: no");
});

test("a unit whose start can't be asked for is passed over", async () => {
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

test("a journal that can't be read is told as such, and the watch goes on", async () => {
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

test("signals before the stream stands are not taken", async () => {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => void systemd.silent.add("Hello");
  const watched = watchBridge({ runtime });
  await watched.saw("asked Hello");
  watched.systemd.tell("UnitNew", "so", "a.service", "/u");
  watched.systemd.tell("UnitRemoved", "so", "b.service", "/u");
  watched.systemd.tellOwner("", ":1.1");
  await watched.clock.advance(0);
  expect(watched.history).toEqual(["asked Hello"]);
  watched.abort.abort();
  expect(await watched.done).toBeUndefined();
});

const CALLS = ["Hello", "AddMatch", "GetNameOwner", "Subscribe", "ListUnits", "Get Version"];

test.each(CALLS)("an error for %s ends the attempt with it", async (question) => {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => void systemd.errors.set(question, "org.example.No");
  const watched = watchBridge({ runtime });
  const error = await watched.done;
  expect(String(error)).toContain("org.example.No");
  expect(watched.history.filter((line) => line === "gracefulClose")).toHaveLength(1);
  expect(watched.clock.pendingTimers).toBe(0);
});

test.each(CALLS)("no answer to %s ends the attempt after ten seconds", async (question) => {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => void systemd.silent.add(question);
  const watched = watchBridge({ runtime });
  await watched.saw(new RegExp(`^asked ${question}`));
  await watched.clock.advance(9_999);
  expect(watched.history).not.toContain("gracefulClose");
  await watched.clock.advance(1);
  const error = await watched.done;
  expect(error).toBeInstanceOf(BridgeError);
  expect(error?.message).toMatch(/10000 ms/);
  expect(watched.clock.pendingTimers).toBe(0);
});

test("more units than fit into one message are an error that says so, and little is read of them", async () => {
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
