import { expect, test } from "@jest/globals";
import type { UnitSignal } from "../../../src/domain/systemd.ts";
import type { UserManager } from "../../../src/state/containers/user-manager.ts";
import { EventBus } from "../../../src/state/event-bus.ts";
import { SystemdWatches } from "../../../src/systemd/watch/systemd-watches.ts";
import { UserWatches } from "../../../src/systemd/watch/user-watches.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeSystemdSource } from "../../support/fake-systemd-source.ts";
import { containerDetails } from "../../support/engine-facts.ts";
import { recordedFleet, type RecordedFleet } from "../../support/recorded-fleet.ts";
import { recordedLog } from "../../support/recorded-log.ts";
import { unitRow, unitSignal } from "../../support/systemd-facts.ts";

const ALICE = "user@1000.service";

interface Watched extends RecordedFleet, AsyncDisposable {
  readonly watches: SystemdWatches;
  readonly clock: FakeClock;
  /** The system's. */
  readonly system: () => FakeSystemdSource;
  /** Every source of a user manager, with its user. */
  readonly users: (readonly [user: string, source: FakeSystemdSource])[];
  readonly user: (at: number) => FakeSystemdSource;
  readonly manager: (user: string) => UserManager;
  readonly dropped: string[];
  readonly apply: (action: string) => void;
  /** Sends a Unit signal of the system's manager. */
  readonly signal: (unit: string, more: Partial<UnitSignal>) => void;
}

/** A node that runs, and whose systemd is watched. */
function watched({ maxWatches = 10, canWatch = true } = {}): Watched {
  const recorded = recordedFleet();
  const clock = new FakeClock();
  const { log } = recordedLog(clock);
  const bus = new EventBus(log);
  const dropped: string[] = [];
  bus.subscribe("dropped", ({ stage }) => void dropped.push(stage));
  bus.subscribe("change", (change) => void recorded.changes.push(change));
  const systems: FakeSystemdSource[] = [];
  const users: (readonly [string, FakeSystemdSource])[] = [];
  const common = { bus, clock, log };
  const userWatches = new UserWatches(
    {
      ...common,
      sourceOf(_record, user) {
        if (!canWatch) return undefined;
        const source = new FakeSystemdSource();
        users.push([user, source]);
        return source;
      },
    },
    maxWatches,
  );
  const watches = new SystemdWatches({
    ...common,
    users: userWatches,
    sourceOf() {
      const source = new FakeSystemdSource();
      systems.push(source);
      return source;
    },
  });
  const apply = (action: string): void => {
    const record = recorded.happens(action, "node");
    if (record !== undefined) watches.sync(record);
  };
  apply("create");
  apply("start");
  const { status, startedAtNs } = recorded.record("node");
  const details = containerDetails("node", { status, startedAtNs, runsSystemd: true });
  watches.sync(recorded.fleet.details(details, true));
  const system = (): FakeSystemdSource => {
    const source = systems.at(-1);
    if (source === undefined) throw new Error("the system isn't watched");
    return source;
  };
  return {
    ...recorded,
    watches,
    clock,
    users,
    dropped,
    apply,
    system,
    user(at) {
      const [, source] = users[at] ?? [];
      if (source === undefined) throw new Error(`there is no source ${at}`);
      return source;
    },
    manager(user) {
      const manager = recorded.record("node").users.get(user);
      if (manager === undefined) throw new Error(`there is no manager of ${user}`);
      return manager;
    },
    signal(unit, more) {
      system().latest.take(unitSignal({ unit, ...more }));
    },
    [Symbol.asyncDispose]: () => watches.stopAll(),
  };
}

test("watches a user manager from when its service is active until it ends", async () => {
  await using watching = watched();
  const { system, signal, users, user, manager } = watching;
  system().latest.attach([unitRow(ALICE, "inactive")]);
  signal(ALICE, { activeState: "activating", stateChangeNs: 2_000n });
  expect(users).toEqual([]);
  signal(ALICE, { activeState: "active", stateChangeNs: 3_000n });
  expect(users.map(([name]) => name)).toEqual(["1000"]);
  // Failures while it started count.
  expect(manager("1000").systemd.journalCursor.baselineNs).toBe(2_000n);
  user(0).latest.attach([unitRow("app.service", "failed")]);
  signal(ALICE, { activeState: "deactivating", stateChangeNs: 4_000n });
  expect(user(0).latest.signal.aborted).toBe(false);
  expect(manager("1000").systemd.units.get("app.service")?.activeState).toBe("failed");
  signal(ALICE, { activeState: "inactive", stateChangeNs: 5_000n });
  expect(user(0).latest.signal.aborted).toBe(true);
  expect(manager("1000")).toMatchObject({ isRunning: false, alive: false });
  expect(manager("1000").systemd.units.get("app.service")?.activeState).toBeUndefined();
});

test("watches the user managers that a listing shows, and ends those that it lacks", async () => {
  await using watching = watched();
  const { system, users, user, record } = watching;
  const rows = [unitRow(ALICE, "active"), unitRow("user@alice.service", "active")];
  system().latest.attach([
    ...rows,
    unitRow("user@4294967295.service", "active"),
    unitRow("user@0.service", "active"),
  ]);
  expect(users.map(([name]) => name)).toEqual(["1000", "0"]);
  system().latest.attach([unitRow("user@0.service", "active")]);
  expect(user(0).latest.signal.aborted).toBe(true);
  expect(user(1).latest.signal.aborted).toBe(false);
  expect([...record("node").users.values()].map(({ alive }) => alive)).toEqual([false, true]);
});

test("ends all user managers when the container dies, and when it is lost and found in another run", async () => {
  await using watching = watched();
  const { system, user, manager, apply } = watching;
  system().latest.attach([unitRow(ALICE, "active")]);
  user(0).latest.attach([unitRow("app.service", "active")]);
  apply("die");
  expect(user(0).latest.signal.aborted).toBe(true);
  expect(manager("1000").systemd.units.get("app.service")?.activeState).toBeUndefined();
  apply("start");
  system().latest.attach([unitRow(ALICE, "active")]);
  user(1).latest.attach([unitRow("app.service", "active")]);
  expect(manager("1000").systemd).toMatchObject({ up: true });
});

test("counts failures of a user's units beside those of the system's with the same name", async () => {
  await using watching = watched();
  const { system, user, manager, changes, record } = watching;
  system().latest.attach([unitRow(ALICE, "active"), unitRow("app.service", "active")]);
  user(0).latest.attach([unitRow("app.service", "active")]);
  user(0).latest.take(
    unitSignal({ unit: "app.service", activeState: "failed", stateChangeNs: 9_000n }),
  );
  expect(manager("1000").systemd.units.get("app.service")?.hasCounters).toBe(true);
  expect(record("node").systemd.units.get("app.service")?.hasCounters).toBe(false);
  const failed = recordedFailure(watching);
  expect(failed).toMatchObject({ unit: "app.service", container: "node" });
  expect(failed?.identity).toEqual({ ...record("node").identity, user: "1000" });
  expect(changes.filter(({ kind }) => kind === "unit.failed")).toHaveLength(1);
});

function recordedFailure({ changes }: Pick<RecordedFleet, "changes">) {
  return changes.find(({ kind }) => kind === "unit.failed");
}

test("watches at most so many user managers, and counts those past that once each", async () => {
  await using watching = watched({ maxWatches: 1 });
  const { system, signal, users, dropped } = watching;
  system().latest.attach([unitRow(ALICE, "active"), unitRow("user@1001.service", "active")]);
  signal("user@1001.service", { activeState: "active", stateChangeNs: 7_000n });
  expect(users.map(([name]) => name)).toEqual(["1000"]);
  expect(dropped).toEqual(["user_managers"]);
  signal(ALICE, { activeState: "inactive", stateChangeNs: 8_000n });
  signal("user@1001.service", { activeState: "reloading", stateChangeNs: 9_000n });
  expect(users.map(([name]) => name)).toEqual(["1000", "1001"]);
});

test("shows no user manager over a transport that can't watch it", async () => {
  await using watching = watched({ canWatch: false });
  watching.system().latest.attach([unitRow(ALICE, "active")]);
  expect(watching.record("node").users.size).toBe(0);
});
