import { expect, test } from "@jest/globals";
import { READING_GROUPS, type ReadingSource } from "../../../src/domain/readings.ts";
import { Variant } from "../../../src/systemd/dbus/value.ts";
import { turns } from "../../support/turns.ts";
import { FakeRuntime } from "../../support/systemd/fake-runtime.ts";
import type { FakeSystemd, FakeUnit } from "../../support/systemd/fake-systemd.ts";
import { standingBridge, type WatchedBridge } from "../../support/systemd/watched-bridge.ts";

const RUNNING = { activeState: "active", subState: "running" };
const ALL = new Set(READING_GROUPS);
const PATH = "/org/freedesktop/systemd1/unit/a_2eservice";

interface Opened extends WatchedBridge, AsyncDisposable {
  readonly readings: ReadingSource;
}

async function opened(
  units: Readonly<Record<string, FakeUnit>>,
  prepare: (systemd: FakeSystemd) => void = () => {},
): Promise<Opened> {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => {
    for (const [name, unit] of Object.entries(units)) systemd.units.set(name, unit);
    prepare(systemd);
  };
  const watched = await standingBridge({ runtime });
  const readings = watched.opened[0]?.readings;
  if (readings === undefined) throw new Error("the stream has no readings");
  const { systemd } = watched;
  systemd.questions.splice(0);
  return {
    ...watched,
    bridge: watched.bridge,
    systemd,
    readings,
    async [Symbol.asyncDispose]() {
      watched.abort.abort();
      expect(await watched.done).toBeUndefined();
    },
  };
}

test("queries each property of a few by itself, and many at once", async () => {
  const properties = {
    TasksCurrent: new Variant("t", 3n),
    TasksMax: new Variant("t", 2n ** 64n - 1n),
    MemoryCurrent: new Variant("t", 4_096n),
  };
  await using watched = await opened({ "a.service": { ...RUNNING, properties } });
  const { readings, systemd } = watched;
  expect(await readings.readUnit("a.service", new Set(["tasks"]))).toMatchObject({
    tasks: 3,
    tasksMax: undefined,
    memory: undefined,
  });
  expect(systemd.questions.splice(0)).toEqual([`Get TasksCurrent ${PATH}`, `Get TasksMax ${PATH}`]);
  expect(await readings.readUnit("a.service", ALL)).toMatchObject({ tasks: 3, memory: 4_096 });
  expect(systemd.questions).toEqual([`GetAll ${PATH}`, `GetAll ${PATH}`]);
});

test("queries a property that this systemd doesn't have once", async () => {
  await using watched = await opened({ "a.service": RUNNING, "b.service": RUNNING }, (systemd) => {
    systemd.errors.set("Get MemoryPeak", "org.freedesktop.DBus.Error.UnknownProperty");
  });
  const { readings, systemd } = watched;
  const groups = new Set(["memory"] as const);
  expect(await readings.readUnit("a.service", groups)).toMatchObject({ memory: 0 });
  expect(await readings.readUnit("b.service", groups)).toMatchObject({ memoryPeak: undefined });
  expect(systemd.questions.filter((each) => each.startsWith("Get MemoryPeak"))).toHaveLength(1);
});

test("reads nothing of a unit that is gone", async () => {
  await using watched = await opened({}, (systemd) => {
    systemd.errors.set("Get CPUUsageNSec", "org.freedesktop.DBus.Error.UnknownObject");
  });
  const { readings } = watched;
  expect(await readings.readUnit("gone.service", new Set(["cpu"]))).toBeUndefined();
});

test("leaves at most 24 calls unanswered, and the session's own calls don't wait for them", async () => {
  const names = Array.from({ length: 100 }, (_, at) => `unit-${at}.service`);
  await using watched = await opened(
    Object.fromEntries(names.map((name) => [name, RUNNING])),
    (systemd) => void systemd.held.add("Get CPUUsageNSec"),
  );
  const { readings, systemd } = watched;
  const groups = new Set(["cpu"] as const);
  const all = Promise.all(names.map((name) => readings.readUnit(name, groups)));
  await turns();
  expect(systemd.questions).toHaveLength(24);
  await watched.opened[0]?.relist();
  expect(systemd.questions).toContain("ListUnits");
  systemd.release();
  expect(await all).toHaveLength(100);
});

test("keeps the stream, and drops the query, when it stays unanswered but a later call is", async () => {
  await using watched = await opened({ "a.timer": RUNNING }, (systemd) => {
    systemd.silent.add("Get LastTriggerUSec");
  });
  const { readings, clock, history, abort, done } = watched;
  const timersBefore = clock.pendingTimers;
  const reading = readings.readUnit("a.timer", new Set(["timers"]));
  const dropped = reading.catch((error: Error) => error.message);
  await turns();
  expect(clock.pendingTimers).toBe(timersBefore);
  await clock.advance(60_000);
  expect(await dropped).toMatch(/^no reply to .*, but to a later call$/);
  await watched.opened[0]?.relist();
  expect(history.filter((line) => line === "listed 1")).not.toEqual([]);
  abort.abort();
  expect(await done).toBeUndefined();
});
