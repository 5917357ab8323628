import { expect, test } from "@jest/globals";
import { Variant } from "../../../src/systemd/dbus/value.ts";
import { turns } from "../../support/turns.ts";
import type { RecordedSink } from "../../support/systemd/recorded-sink.ts";
import { FakeRuntime } from "../../support/systemd/fake-runtime.ts";
import {
  standingBridge,
  watchBridge,
  type WatchedBridge,
} from "../../support/systemd/watched-bridge.ts";

const RUNNING = { activeState: "active", subState: "running" };
const IDLE = { activeState: "inactive", subState: "dead" };
const TEN_MINUTES_MS = 600_000;

async function standing(
  prepare: (runtime: FakeRuntime) => void = () => {},
): Promise<WatchedBridge> {
  const runtime = new FakeRuntime();
  prepare(runtime);
  return standingBridge({ runtime });
}

async function end({ abort, done }: WatchedBridge): Promise<void> {
  abort.abort();
  expect(await done).toBeUndefined();
}

test("reads the start times of the requested units", async () => {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => {
    systemd.units.set("a.service", { ...RUNNING, activeEnterUs: 1_700_000_000_123_456n });
    systemd.units.set("b@x-y.service", { ...RUNNING, activeEnterUs: 7n });
    systemd.units.set("c.service", IDLE);
    systemd.units.set("liar.service", { ...RUNNING, activeEnterUs: 2n ** 64n - 1n });
  };
  const watched = watchBridge({
    runtime,
    sink: (sink) => {
      sink.wanted = ["a.service", "liar.service", "b@x-y.service"];
    },
  });
  await watched.saw(/^manager/);
  expect(watched.history).toContain(
    "asked Get ActiveEnterTimestamp /org/freedesktop/systemd1/unit/b_40x_2dy_2eservice",
  );
  expect([...watched.sink.startTimes]).toEqual([
    ["a.service", 1_700_000_000_123_456_000n],
    ["b@x-y.service", 7_000n],
  ]);
  await end(watched);
});

test("leaves at most 100 calls unanswered, for a bus refuses more than 128", async () => {
  const names = Array.from({ length: 300 }, (_, at) => `unit-${at}.mount`);
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => {
    for (const name of names) systemd.units.set(name, { ...RUNNING, activeEnterUs: 7n });
    systemd.held.add("Get ActiveEnterTimestamp");
    systemd.held.add("Get NRestarts");
    systemd.held.add("Get Restart");
  };
  const watched = watchBridge({
    runtime,
    sink: (sink) => {
      sink.wanted = names;
      sink.uncounted = names;
    },
  });
  await watched.saw(/^listed/);
  await turns();
  const unanswered = watched.systemd.questions.filter((each) => /^Get (Act|NR|Rest)/.test(each));
  expect(unanswered).toHaveLength(100);
  watched.systemd.release();
  await watched.saw(/^manager /);
  expect(watched.sink.startTimes.size).toBe(300);
  await end(watched);
});

test("passes a removal on while start times are read after the listing", async () => {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => {
    systemd.units.set("a.service", RUNNING);
    systemd.held.add("Get ActiveEnterTimestamp");
  };
  const watched = watchBridge({ runtime, sink: (sink) => (sink.wanted = ["a.service"]) });
  await watched.saw(/^listed/);
  watched.systemd.emit("UnitRemoved", "so", "b.service", "/b");
  await watched.saw("removed b.service");
  expect(watched.sink.startTimes.size).toBe(0);
  watched.systemd.release();
  await watched.saw(/^manager /);
  await end(watched);
});

test("reads the FreezerState of the requested units that can be frozen", async () => {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => {
    systemd.units.set("a.service", { ...RUNNING, freezerState: "frozen" });
    systemd.units.set("b.service", RUNNING);
    systemd.units.set("c.socket", RUNNING);
  };
  const watched = watchBridge({
    runtime,
    sink: (sink) => {
      sink.wanted = ["a.service", "b.service", "c.socket"];
    },
  });
  await watched.saw(/^manager/);
  expect([...watched.sink.frozenStates]).toEqual([
    ["a.service", "frozen"],
    ["b.service", undefined],
  ]);
  await end(watched);
});

test("goes on when systemd is too old for a FreezerState", async () => {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => {
    systemd.units.set("a.service", RUNNING);
    systemd.errors.set("Get FreezerState", "org.freedesktop.DBus.Error.UnknownProperty");
  };
  const watched = watchBridge({ runtime, sink: (sink) => void (sink.wanted = ["a.service"]) });
  await watched.saw(/^manager/);
  expect(watched.sink.frozenStates.size).toBe(0);
  await end(watched);
});

test("leaves out a property of another type than expected", async () => {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => {
    systemd.errors.clear();
    systemd.softReboots = "many";
  };
  const watched = watchBridge({ runtime });
  await watched.saw(/^manager/);
  expect(watched.sink.facts).toMatchObject([{ systemState: "running" }]);
  expect(watched.sink.facts[0]).not.toHaveProperty("softReboots");
  await end(watched);
});

test("reads OOMKills of the requested services", async () => {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => {
    systemd.errors.clear();
    systemd.units.set("a.service", { ...RUNNING, oomKills: 3n });
    systemd.units.set("b.service", RUNNING);
    systemd.units.set("c.service", { ...RUNNING, oomKills: 0n });
  };
  const sink = (recorded: RecordedSink): void => {
    recorded.suspects = ["a.service", "b.service", "c.service"];
  };
  const watched = watchBridge({ runtime, sink });
  await watched.saw(/^oom kills c/);
  expect([...watched.sink.oomKills]).toEqual([
    ["a.service", 3],
    ["c.service", 0],
  ]);
  const { systemd } = watched;
  systemd.units.set("c.service", { ...RUNNING, oomKills: 1n });
  systemd.emitProperties("c.service", "Unit", { ActiveState: new Variant("s", "failed") });
  await watched.saw(/^oom kills c.service 1/);
  expect(systemd.questions.at(-1)).toBe("Get OOMKills /org/freedesktop/systemd1/unit/c_2eservice");
  await end(watched);
});

test("asks once for OOMKills when systemd doesn't have it", async () => {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => {
    for (const name of ["a.service", "b.service"]) systemd.units.set(name, RUNNING);
  };
  const sink = (recorded: RecordedSink): void => {
    recorded.suspects = ["a.service", "b.service"];
  };
  const watched = watchBridge({ runtime, sink });
  await watched.saw(/^manager/);
  const { systemd } = watched;
  systemd.emitProperties("b.service", "Unit", { ActiveState: new Variant("s", "failed") });
  systemd.emit("UnitNew", "so", "a.service", "/u");
  await watched.saw(/^loaded/);
  expect(systemd.questions.filter((question) => question.startsWith("Get OOMKills"))).toEqual([
    "Get OOMKills /org/freedesktop/systemd1/unit/a_2eservice",
  ]);
  expect(watched.sink.oomKills.size).toBe(0);
  await end(watched);
});

test("looks a new unit up by its name", async () => {
  const watched = await standing();
  const { systemd, sink } = watched;
  systemd.units.set("a.service", IDLE).set("b.service", RUNNING);
  systemd.emit("UnitNew", "so", "a.service", "/org/freedesktop/systemd1/unit/a_2eservice");
  await watched.saw(/^loaded/);
  expect(watched.history).toEqual(["asked ListUnitsByPatterns a.service", "loaded 1"]);
  expect([...sink.rows]).toEqual([["a.service", "inactive/dead"]]);
  await end(watched);
});

test("looks a unit up again when its signal leaves its LoadState open", async () => {
  const watched = await standing();
  const { systemd, sink } = watched;
  sink.unsure = "a.service";
  systemd.units.set("a.service", { ...IDLE, loadState: "not-found" });
  for (const unit of ["a.service", "b.service"]) {
    systemd.emitProperties(unit, "Unit", { ActiveState: new Variant("s", "inactive") });
  }
  await watched.saw(/^loaded/);
  expect(watched.history).toEqual([
    "unit a.service inactive/",
    "asked ListUnitsByPatterns a.service",
    "unit b.service inactive/",
    "loaded 1",
  ]);
  await end(watched);
});

test("reads the manager's state again when a signal leaves it open", async () => {
  const watched = await standing();
  const { systemd, sink } = watched;
  sink.cancelled = "shutdown.target";
  systemd.systemState = "maintenance";
  systemd.emitProperties("shutdown.target", "Unit", { ActiveState: new Variant("s", "inactive") });
  await watched.saw(/^manager/);
  expect(sink.facts.at(-1)).toMatchObject({ systemState: "maintenance" });
  await end(watched);
});

test.each([
  ["a\\x2db.service", "a\\\\x2db.service", ["ax2db.service"]],
  ["a[1].service", "a\\[1].service", ["a1.service"]],
  ["a*.service", "a\\*.service", ["ab.service"]],
  ["a?b.service", "a\\?b.service", ["axb.service"]],
  ["a[!x]\\*?.service", "a\\[!x]\\\\\\*\\?.service", ["ay\\bc.service"]],
])("matches no unit but %s by its pattern", async (name, pattern, others) => {
  const watched = await standing();
  const { systemd, sink } = watched;
  for (const each of [name, ...others]) systemd.units.set(each, RUNNING);
  systemd.emit("UnitNew", "so", name, "/u");
  await watched.saw(/^loaded/);
  expect(systemd.questions.at(-1)).toBe(`ListUnitsByPatterns ${pattern}`);
  expect([...sink.rows.keys()]).toEqual([name]);
  await end(watched);
});

test("looks units up together when they are new during a query", async () => {
  const watched = await standing();
  const { systemd } = watched;
  for (const name of ["a", "b", "c", "b", "d"]) systemd.emit("UnitNew", "so", name, "/u");
  systemd.emit("UnitRemoved", "so", "d", "/u");
  await watched.saw("asked ListUnitsByPatterns b c");
  await watched.clock.advance(0);
  expect(watched.history).toEqual([
    "asked ListUnitsByPatterns a",
    "removed d",
    "loaded 0",
    "asked ListUnitsByPatterns b c",
    "loaded 0",
  ]);
  systemd.emit("UnitNew", "so", "e", "/u");
  await watched.saw("asked ListUnitsByPatterns e");
  await end(watched);
});

test.each([
  [100, /^asked ListUnitsByPatterns u1 u2 .* u100$/],
  [101, "asked ListUnits"],
  [5_000, "asked ListUnits"],
])("calls twice when %s units are new at once", async (count, question) => {
  const watched = await standing();
  const { systemd } = watched;
  for (let i = 0; i <= count; i += 1) systemd.emit("UnitNew", "so", `u${i}`, "/u");
  // The first of them is looked up at once.
  for (let i = 102; i <= count; i += 1) systemd.emit("UnitRemoved", "so", `u${i}`, "/u");
  await watched.saw(question);
  await watched.clock.advance(0);
  expect(watched.history.filter((line) => line.startsWith("asked"))).toHaveLength(2);
  expect(watched.history.filter((line) => line.startsWith("loaded"))).toHaveLength(2);
  await end(watched);
});

test("lists every ten minutes", async () => {
  const watched = await standing();
  for (const round of [1, 2, 3]) {
    await watched.clock.advance(TEN_MINUTES_MS - 1);
    expect(watched.history.filter((line) => line !== "asked Get Architecture")).toEqual([]);
    watched.forget();
    await watched.clock.advance(1);
    await watched.saw(/^listed/);
    expect([round, ...watched.history]).toEqual([round, "asked ListUnits", "listed 0"]);
    watched.forget();
  }
  await end(watched);
  expect(watched.clock.pendingTimers).toBe(0);
});

test("subscribes and lists again when systemd executes itself again", async () => {
  const watched = await standing();
  const { systemd } = watched;
  systemd.emitOwner(":1.1", "");
  await watched.clock.advance(0);
  expect(watched.history).toEqual([]);
  systemd.emitOwner("", ":1.1");
  await watched.saw(/^manager/);
  const steps = watched.history.filter((line) => !/^asked (AddMatch|GetNameOwner)/.test(line));
  expect(steps).toEqual([
    "attached dbus",
    "asked Subscribe",
    "recovered 0",
    "asked ListUnits",
    "listed 0",
    "asked Get Version",
    "asked Get SystemState",
    "asked Get UserspaceTimestamp",
    "asked Get SoftRebootsCount",
    "manager 252.39-1~deb12u2 running",
  ]);
  await end(watched);
});

test("ignores signals of other senders", async () => {
  const watched = await standing();
  const { systemd } = watched;
  const removed = (sender: string, unit: string): void => {
    const from = {
      path: "/org/freedesktop/systemd1",
      interface: "org.freedesktop.systemd1.Manager",
    };
    const signal = { ...from, member: "UnitRemoved", signature: "so", body: [unit, "/u"], sender };
    systemd.send({ type: "signal", ...signal });
  };
  removed(":1.666", "a.service");
  removed("org.freedesktop.DBus", "b.service");
  removed(":1.1", "c.service");
  await watched.saw("removed c.service");
  systemd.emitOwner(":1.1", ":1.7");
  removed(":1.1", "d.service");
  removed(":1.7", "e.service");
  await watched.saw("removed e.service");
  expect(watched.history.filter((line) => line.startsWith("removed"))).toEqual([
    "removed c.service",
    "removed e.service",
  ]);
  await end(watched);
});
