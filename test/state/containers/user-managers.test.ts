import { expect, test } from "@jest/globals";
import type { UserManager } from "../../../src/state/containers/user-manager.ts";
import { MAX_USERS_PER_NODE } from "../../../src/state/containers/user-managers.ts";
import { SeriesBudget } from "../../../src/state/units/series-budget.ts";
import { recordedFleet, type RecordedFleet } from "../../support/recorded-fleet.ts";
import { unitRow, unitSignal } from "../../support/systemd-facts.ts";

/** Starts the manager of a user in the container, in which one unit fails. */
function failing({ record }: RecordedFleet, user = "1000"): UserManager {
  const manager = record("node").users.obtain(user);
  if (manager === undefined) throw new Error("there is no room for it");
  manager.begun();
  const { systemd } = manager;
  systemd.take({ kind: "attached", transport: "dbus-private", atNs: 1_000n });
  systemd.take({ kind: "recovered", entries: [] });
  systemd.take({ kind: "listed", rows: [unitRow("a.service", "active")], asOfNs: 1_000n });
  systemd.take(unitSignal({ activeState: "failed", stateChangeNs: 5_000n }));
  return manager;
}

function started(series?: SeriesBudget): RecordedFleet {
  const recorded = recordedFleet(series === undefined ? {} : { series });
  recorded.happens("create", "node");
  recorded.happens("start", "node");
  return recorded;
}

function failuresOf(manager: UserManager | undefined): number {
  const failures = manager?.systemd.units.get("a.service")?.failures.values() ?? [];
  return [...failures].reduce((sum, count) => sum + count, 0);
}

test("labels the series of a user's units with the user, after those of the container", () => {
  const recorded = started();
  const manager = failing(recorded);
  expect(manager.systemd.units.get("a.service")?.labels.text).toBe(
    'container="node",node="node",cluster="dev",user="1000",name="a.service",type="service"',
  );
  expect(recorded.record("node").labels.text).not.toContain("user=");
  expect([...recorded.fleet.managers()]).toHaveLength(2);
});

test("continues a user's counters in a new container with the same name", () => {
  const recorded = started();
  failing(recorded);
  for (const action of ["die", "destroy"]) recorded.happens(action, "node");
  recorded.happens("create", "node", { id: "f".repeat(64) });
  const manager = recorded.record("node").users.get("1000");
  expect(failuresOf(manager)).toBe(1);
  expect(manager?.alive).toBe(false);
});

test("forgets a manager after the retention, and releases its series", () => {
  let nowNs = 10_000n;
  const series = new SeriesBudget(200, () => nowNs);
  const recorded = started(series);
  const before = roomOf(series);
  const manager = failing(recorded);
  manager.ended();
  expect(manager.systemd.units.get("a.service")?.activeState).toBeUndefined();
  nowNs += 1_000n;
  recorded.fleet.forgetDestroyed(10_000n);
  expect(failuresOf(recorded.record("node").users.get("1000"))).toBe(1);
  recorded.fleet.forgetDestroyed(10_001n);
  expect(recorded.record("node").users.size).toBe(0);
  expect(roomOf(series)).toBe(before);
});

function roomOf(series: SeriesBudget): number {
  let room = 0;
  while (series.take(1)) room += 1;
  series.give(room);
  return room;
}

test("goes on from where an earlier process stopped", () => {
  const recorded = started();
  const manager = failing(recorded);
  const resume = recorded.record("node").resume();
  if (resume === undefined) throw new Error("nothing to resume");
  const { fleet } = recordedFleet();
  fleet.restore([resume]);
  const users = [...(fleet.get(resume.identity.id)?.users.values() ?? [])];
  expect(users.map(({ user, isRunning }) => ({ user, isRunning }))).toEqual([
    { user: "1000", isRunning: false },
  ]);
  expect(users[0]?.systemd.journalCursor.resume).toBe(manager.systemd.journalCursor.resume);
});

test("keeps at most so many managers of a node, and evicts one that ended for one that runs", () => {
  const { record } = started();
  const { users } = record("node");
  for (let user = 0; user < MAX_USERS_PER_NODE; user += 1) users.obtain(String(user))?.begun();
  expect(users.obtain("5000")).toBeUndefined();
  users.get("7")?.ended();
  expect(users.obtain("5000")?.user).toBe("5000");
  expect(users.get("7")).toBeUndefined();
  expect(users.size).toBe(MAX_USERS_PER_NODE);
});
