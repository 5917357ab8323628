import { expect, test } from "@jest/globals";
import { MAX_UNITS_PER_CONTAINER } from "../../../src/state/units/unit-table.ts";
import { unitRow } from "../../support/systemd-facts.ts";
import {
  recordedState,
  runOf,
  serviceSignal,
  unitSignal,
} from "../../support/systemd/recorded-state.ts";
import type { RecordedState } from "../../support/systemd/recorded-state.ts";

const ATTACHED_NS = 1_000_000_000_000n;
const MS = 1_000_000n;
/** A time before the attach. */
const BEFORE_NS = ATTACHED_NS - 1n;

/** Returns a time in milliseconds after the attach. */
const at = (ms: number): bigint => ATTACHED_NS + BigInt(ms) * MS;

/** A systemd that is watched, in which `a.service` runs. */
function watched(
  rows = [unitRow("a.service", "active", "running")],
  shown?: (unit: string) => boolean,
): RecordedState {
  const recorded = recordedState(shown);
  recorded.state.take({ kind: "attached", transport: "dbus", atNs: ATTACHED_NS });
  recorded.state.take({ kind: "recovered", entries: [] });
  recorded.state.take({ kind: "listed", rows, asOfNs: ATTACHED_NS });
  return recorded;
}

/** Returns the counts of `a.service`. */
function counted({ unit }: RecordedState): unknown {
  const { failures, restarts } = unit("a.service");
  return { ...Object.fromEntries(failures), restarts };
}

test("emits nothing when a listing shows the state", () => {
  const { state, changes } = watched([
    unitRow("a.service", "active", "running"),
    unitRow("b.service", "failed", "failed"),
  ]);
  expect(state).toMatchObject({ up: true, transport: "dbus", reconnects: 0 });
  expect(state.units.get("b.service")).toMatchObject({
    activeState: "failed",
    subState: "failed",
    failures: new Map(),
  });
  expect([...state.units.counts()]).toEqual([
    ["active", 1],
    ["failed", 1],
  ]);
  expect(changes).toEqual([]);
});

test("emits one change for each state when signals repeat", () => {
  const { state, newChanges } = watched();
  for (const [ms, entered] of [
    [1, "deactivating/stop-sigterm"],
    [2, "inactive/dead"],
    [3, "activating/start"],
    [4, "active/running"],
    [5, "reloading/reload"],
    [6, "active/running"],
  ] as const) {
    state.take(unitSignal(entered, at(ms)));
    state.take(unitSignal(entered, at(ms)));
    state.take(unitSignal(entered, at(ms), { timeNs: at(ms) + 1n }));
  }
  expect(newChanges()).toEqual([
    "unit.deactivating a.service ActiveState=deactivating",
    "unit.inactive a.service ActiveState=inactive",
    "unit.activating a.service ActiveState=activating",
    "unit.active a.service ActiveState=active",
    "unit.reloading a.service ActiveState=reloading",
    "unit.active a.service ActiveState=active",
  ]);
  expect(state.units.counts().get("active")).toBe(1);
});

test("follows FreezerState by what was queried and by signals", () => {
  const { state, unit, changes } = watched();
  const frozenState = (): string | undefined => unit("a.service").frozenState;
  state.take({ kind: "frozen", unit: "a.service", frozenState: "frozen" });
  state.take({ kind: "frozen", unit: "b.service", frozenState: "frozen" });
  expect(frozenState()).toBe("frozen");
  for (const next of ["thawing", undefined, "freezing", "frozen"] as const) {
    state.take(unitSignal("active/running", at(-1), { frozenState: next }));
    expect(frozenState()).toBe(next);
  }
  expect(changes).toEqual([]);
  state.take(serviceSignal(at(2), { result: "signal" }));
  state.take(unitSignal("failed/failed", at(2)));
  state.take(unitSignal("active/running", at(3), { frozenState: "frozen" }));
  state.ended();
  expect(frozenState()).toBeUndefined();
});

test("emits a change with the state before and the time", () => {
  const { state, unitChanges } = watched();
  state.take(serviceSignal(at(4), { result: "signal", exitStatus: 9 }));
  state.take(unitSignal("failed/failed", at(4), { timeNs: at(5) }));
  expect(unitChanges()).toMatchObject([
    {
      kind: "unit.failed",
      node: "worker-0",
      container: "sind-dev-worker-0",
      unit: "a.service",
      timeNs: at(4),
      activeState: "failed",
      subState: "failed",
      previousState: "active",
      result: "signal",
      exitCode: 9,
      recovered: false,
    },
  ]);
});

test("shows another sub state without a change when the state is the same", () => {
  const { state, newChanges, unit } = watched();
  for (const subState of ["listening", "running", "listening"]) {
    state.take(unitSignal(`active/${subState}`, at(1), { activeEnterNs: BEFORE_NS }));
    expect(unit("a.service").subState).toBe(subState);
  }
  expect(newChanges()).toEqual([]);
});

test("counts each failure by its result, and each restart, when a service loops", () => {
  const recorded = watched();
  const { state } = recorded;
  state.take(serviceSignal(at(0), { restarts: 0 }));
  state.take(unitSignal("active/running", at(0), { stateChangeNs: BEFORE_NS }));
  for (const [round, result] of ["exit-code", "signal", "exit-code", "watchdog"].entries()) {
    const run = { invocationId: runOf(round + 1) };
    const ms = 1_000 * (round + 1);
    const service = { result, exitStatus: 1, restarts: round };
    state.take(serviceSignal(at(ms), service));
    state.take(unitSignal("failed/failed", at(ms), run));
    state.take(serviceSignal(at(ms + 1), service));
    state.take(unitSignal("activating/auto-restart", at(ms + 1), run));
    const next = { invocationId: runOf(round + 2) };
    state.take(serviceSignal(at(ms + 100), { restarts: round + 1 }));
    state.take(unitSignal("activating/start", at(ms + 100), next));
    state.take(serviceSignal(at(ms + 101), { restarts: round + 1 }));
    state.take(unitSignal("active/running", at(ms + 101), next));
  }
  expect(counted(recorded)).toEqual({ "exit-code": 2, signal: 1, watchdog: 1, restarts: 4 });
  const kinds = recorded.unitChanges().map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind === "unit.failed")).toHaveLength(4);
  expect(kinds.filter((kind) => kind === "unit.restart")).toHaveLength(4);
  expect(kinds.filter((kind) => kind === "unit.active")).toHaveLength(4);
});

test("counts a failure when RestartMode=direct passes over the failed state", () => {
  const recorded = watched();
  const { state, newChanges } = recorded;
  state.take(unitSignal("active/running", at(0), { stateChangeNs: BEFORE_NS }));
  for (let round = 1; round <= 3; round++) {
    const ms = round * 1_000;
    const run = { invocationId: runOf(round) };
    state.take(serviceSignal(at(ms), { result: "exit-code", restarts: round - 1 }));
    state.take(unitSignal("activating/auto-restart", at(ms), run));
    state.take(serviceSignal(at(ms + 100), { result: "exit-code", restarts: round }));
    state.take(unitSignal("activating/auto-restart-queued", at(ms + 100), run));
    state.take(serviceSignal(at(ms + 101), { restarts: round }));
    state.take(unitSignal("active/running", at(ms + 101), { invocationId: runOf(round + 1) }));
  }
  expect(counted(recorded)).toEqual({ "exit-code": 3, restarts: 3 });
  expect(newChanges().filter((line) => line.startsWith("unit.failed"))).toHaveLength(3);
});

test("counts no failure when Restart=always restarts a service that succeeded", () => {
  const recorded = watched();
  const { state } = recorded;
  state.take(serviceSignal(at(1), { restarts: 0 }));
  state.take(unitSignal("active/running", at(1)));
  state.take(serviceSignal(at(2), { result: "success", restarts: 0 }));
  state.take(unitSignal("activating/auto-restart", at(2)));
  state.take(serviceSignal(at(102), { restarts: 1 }));
  state.take(unitSignal("active/running", at(102), { invocationId: runOf(2) }));
  expect(counted(recorded)).toEqual({ restarts: 1 });
});

test("counts a failure when the unit reports no result", () => {
  const recorded = watched();
  recorded.state.take(unitSignal("failed/failed", at(1)));
  expect(counted(recorded)).toEqual({ unknown: 1, restarts: 0 });
  expect(recorded.unitChanges()[0]?.result).toBeUndefined();
});

test("counts what NRestarts rises by, and from 0 when it is set back", () => {
  const recorded = watched();
  const { state, unit } = recorded;
  let ms = 0;
  const countAt = (restarts: number): number => {
    ms += 1_000;
    state.take(serviceSignal(at(ms), { restarts }));
    const invocationId = runOf(ms);
    state.take(unitSignal("active/running", at(ms), { invocationId, activeEnterNs: BEFORE_NS }));
    return unit("a.service").restarts;
  };
  expect([
    countAt(5),
    countAt(5),
    countAt(6),
    countAt(8),
    countAt(0),
    countAt(0),
    countAt(1),
    countAt(3),
  ]).toEqual([0, 0, 1, 3, 3, 3, 4, 6]);
  expect(recorded.unitChanges().map(({ restarts }) => restarts)).toEqual([6, 7, 8, 1, 2, 3]);
});

test("counts a leap of NRestarts and emits only a part when it is absurdly large", () => {
  const { state, changes, unit } = watched();
  for (const [ms, restarts] of [
    [1, 0],
    [2, 2 ** 32 - 1],
    [3, 0],
    [4, 2 ** 32 - 1],
  ] as const) {
    state.take(serviceSignal(at(ms), { restarts }));
    state.take(unitSignal("active/running", at(ms), { invocationId: runOf(ms) }));
  }
  expect(changes.length).toBeLessThan(250);
  expect(unit("a.service").restarts).toBe(2 * (2 ** 32 - 1));
});

test("keeps a signal's state when it is newer than the listing", () => {
  const recorded = recordedState();
  const { state, unit } = recorded;
  state.take({ kind: "attached", transport: "dbus", atNs: ATTACHED_NS });
  state.take({ kind: "recovered", entries: [] });
  state.take(unitSignal("failed/failed", at(2)));
  state.take(unitSignal("failed/failed", at(1), { unit: "b.service" }));
  state.take({
    kind: "listed",
    rows: [unitRow("a.service", "active", "running"), unitRow("b.service", "active", "running")],
    asOfNs: at(1),
  });
  expect(unit("a.service").activeState).toBe("failed");
  expect(unit("b.service").activeState).toBe("active");
});

test("emits nothing again when signals repeat behind a listing that is ahead of them", () => {
  // busctl's signals and its listings come by two ways.
  const recorded = watched();
  const { state, newChanges } = recorded;
  const failed = unitSignal("failed/failed", at(1));
  state.take(serviceSignal(at(1), { result: "signal" }));
  state.take(failed);
  state.take({ kind: "listed", rows: [unitRow("a.service", "active", "running")], asOfNs: at(2) });
  state.take({ ...failed, timeNs: at(3) });
  const active = unitSignal("active/running", at(4));
  state.take(active);
  state.take({ kind: "listed", rows: [unitRow("a.service", "inactive", "dead")], asOfNs: at(5) });
  state.take({ ...active, timeNs: at(6) });
  state.take(unitSignal("inactive/dead", at(7)));

  expect(counted(recorded)).toEqual({ signal: 1, restarts: 0 });
  expect(newChanges()).toEqual([
    "unit.failed a.service ActiveState=failed",
    "unit.active a.service ActiveState=active",
    "unit.inactive a.service ActiveState=inactive",
  ]);
  expect(recorded.unitChanges().map(({ previousState }) => previousState)).toEqual([
    "active",
    "failed",
    "active",
  ]);
});

test("removes a unit when a listing lacks it, unless a signal is newer", () => {
  const { state, newChanges } = watched([
    unitRow("a.service", "active"),
    unitRow("b.service", "active"),
  ]);
  state.take(unitSignal("inactive/dead", at(5)));
  newChanges();
  state.take({ kind: "listed", rows: [], asOfNs: at(3) });
  expect(state.units.get("a.service")?.activeState).toBe("inactive");
  expect(state.units.get("b.service")).toBeUndefined();
  expect(state.units.counts().get("active")).toBe(0);
});

test("emits nothing when a signal before the first listing is older than the stream", () => {
  const { state, newChanges, unit } = recordedState();
  state.take({ kind: "attached", transport: "dbus", atNs: ATTACHED_NS });
  state.take({ kind: "recovered", entries: [] });
  const early = { stateChangeNs: BEFORE_NS, timeNs: at(1) };
  state.take(unitSignal("failed/failed", at(1), early));
  state.take(unitSignal("active/running", at(1), { ...early, unit: "b.service" }));
  state.take(unitSignal("failed/failed", at(1), { unit: "c.service" }));
  state.take(
    unitSignal("active/running", at(1), { unit: "d.service", stateChangeNs: ATTACHED_NS }),
  );
  expect(newChanges()).toEqual([
    "unit.failed c.service ActiveState=failed",
    "unit.active d.service ActiveState=active",
  ]);
  expect(unit("a.service")).toMatchObject({ activeState: "failed", failures: new Map() });
});

test("emits one change when it happens between the attach and the listing", () => {
  const { state, newChanges } = watched([unitRow("a.service", "failed", "failed")]);
  state.take(unitSignal("failed/failed", at(2)));
  state.take(unitSignal("failed/failed", at(2)));
  expect(newChanges()).toEqual(["unit.failed a.service ActiveState=failed"]);
});

test("emits nothing when a signal repeats a state from before the stream", () => {
  const { state, newChanges } = watched([unitRow("a.service", "failed", "failed")]);
  state.take(unitSignal("failed/failed", at(2), { stateChangeNs: BEFORE_NS }));
  expect(newChanges()).toEqual([]);
});

test("emits each state when the unit was unknown before", () => {
  const { state, unitChanges } = watched();
  state.take(unitSignal("activating/start", at(1), { unit: "new.service" }));
  state.take(unitSignal("active/running", at(2), { unit: "new.service" }));
  expect(unitChanges().map(({ kind, previousState }) => [kind, previousState])).toEqual([
    ["unit.activating", undefined],
    ["unit.active", "activating"],
  ]);
});

test.each([
  ["reloading", "unit.reloading"],
  ["refreshing", "unit.reloading"],
  ["maintenance", "unit.inactive"],
  ["deactivating", "unit.deactivating"],
] as const)("counts the state %s as itself, and emits %s", (activeState, kind) => {
  const { state, unitChanges } = watched();
  state.take(unitSignal(`${activeState}/x`, at(1)));
  expect(state.units.counts().get(activeState)).toBe(1);
  expect(state.units.counts().get("active")).toBe(0);
  expect(unitChanges()).toMatchObject([{ kind, activeState }]);
});

test("counts hidden units by state only", () => {
  const { state, newChanges, unit } = watched(
    [unitRow("a.service", "active"), unitRow("b.mount", "active")],
    (name) => name.endsWith(".service"),
  );
  expect(state.units.counts().get("active")).toBe(2);
  state.take(unitSignal("failed/failed", at(1), { unit: "b.mount" }));
  state.take(serviceSignal(at(2), { unit: "b.mount", restarts: 7 }));
  state.take({ kind: "removed", unit: "b.mount", timeNs: at(3) });
  expect(newChanges()).toEqual([]);
  expect(state.units.counts().get("failed")).toBe(0);
  expect(unit("a.service")).toMatchObject({ shown: true, hasSeries: true });
});

test("refuses and reports new units, and keeps known ones, when the table is full", () => {
  const names = Array.from({ length: MAX_UNITS_PER_CONTAINER }, (_, i) => `${i}.service`);
  const { state, refused, newChanges } = watched(names.map((name) => unitRow(name, "active")));
  expect(refused).toEqual([]);
  state.take(unitSignal("failed/failed", at(1), { unit: "one-more.service" }));
  state.take(serviceSignal(at(1), { unit: "one-more.service" }));
  state.take({ kind: "loaded", rows: [unitRow("two-more.service", "active")] });
  expect(refused).toEqual(["unit_table", "unit_table", "unit_table"]);
  expect(state.units.size).toBe(MAX_UNITS_PER_CONTAINER);
  state.take(unitSignal("failed/failed", at(2), { unit: "7.service" }));
  expect(newChanges()).toEqual(["unit.failed 7.service ActiveState=failed"]);
});

test("counts made-up results in one series", () => {
  const { state, unit } = watched();
  for (let i = 1; i <= 200; i++) {
    state.take(serviceSignal(at(i * 10), { result: `made-up-${i}` }));
    state.take(unitSignal("failed/failed", at(i * 10), { invocationId: runOf(i) }));
    state.take(unitSignal("active/running", at(i * 10 + 1), { invocationId: runOf(i + 1) }));
  }
  const { failures } = unit("a.service");
  expect(failures.size).toBeLessThan(30);
  expect([...failures.values()].reduce((sum, count) => sum + count, 0)).toBe(200);
});

test("emits a removal and forgets the unit when it is removed", () => {
  const { state, newChanges, unitChanges } = watched();
  state.take({ kind: "removed", unit: "a.service", timeNs: at(3) });
  state.take({ kind: "removed", unit: "a.service", timeNs: at(3) });
  state.take({ kind: "removed", unit: "unknown.service", timeNs: at(3) });
  expect(newChanges()).toEqual(["unit.removed a.service"]);
  expect(unitChanges()[0]).toMatchObject({ timeNs: at(3), previousState: "active" });
  expect(state.units.get("a.service")).toBeUndefined();
});

test("keeps a removed unit's counters when it is loaded again", () => {
  const recorded = watched();
  const { state, unit } = recorded;
  state.take(serviceSignal(at(1), { result: "exit-code" }));
  state.take(unitSignal("failed/failed", at(1)));
  state.take({ kind: "removed", unit: "a.service", timeNs: at(2) });
  expect(unit("a.service").activeState).toBeUndefined();
  state.take({ kind: "loaded", rows: [unitRow("a.service", "inactive", "dead")] });
  state.take(serviceSignal(at(3), { result: "exit-code" }));
  state.take(unitSignal("failed/failed", at(3), { invocationId: runOf(2) }));
  expect(counted(recorded)).toEqual({ "exit-code": 2, restarts: 0 });
});

test("takes over loaded units without a change, and keeps known states", () => {
  const { state, changes, unit } = watched();
  state.take({
    kind: "loaded",
    rows: [unitRow("b.service", "inactive", "dead"), unitRow("a.service", "failed")],
  });
  expect(unit("b.service").activeState).toBe("inactive");
  expect(unit("a.service").activeState).toBe("active");
  expect(changes).toEqual([]);
});

test("counts reconnects when a stream is opened again, and none for listings on one stream", () => {
  const { state } = watched();
  const rows = [unitRow("a.service", "active", "running")];
  state.take({ kind: "listed", rows, asOfNs: at(1) });
  expect(state.reconnects).toBe(0);
  state.lost();
  expect(state.up).toBe(false);
  state.take({ kind: "attached", transport: "busctl", atNs: at(2) });
  expect(state).toMatchObject({ up: false, transport: "busctl" });
  state.take({ kind: "recovered", entries: [] });
  state.take({ kind: "listed", rows, asOfNs: at(2) });
  expect(state).toMatchObject({ up: true, reconnects: 1 });
});

test("clears all but the counters when systemd ends", () => {
  const { state, changes, unit } = watched([
    unitRow("a.service", "active"),
    unitRow("b.service", "active"),
  ]);
  state.take({ kind: "manager", version: "252", systemState: "running", timeNs: at(0) });
  state.take(unitSignal("failed/failed", at(1)));
  const { length } = changes;
  state.ended();
  expect(state).toMatchObject({ up: false, manager: { systemState: undefined, version: "252" } });
  expect(unit("a.service")).toMatchObject({ activeState: undefined, failures: expect.anything() });
  expect(state.units.get("b.service")).toBeUndefined();
  expect([...state.units.counts().values()]).toEqual([0, 0]);
  expect(changes).toHaveLength(length);
});

test("derives the manager's state from its units when it has booted", () => {
  const { state, newChanges } = watched();
  state.take({ kind: "manager", systemState: "starting", timeNs: at(0) });
  state.take(unitSignal("failed/failed", at(1)));
  expect(state.manager.systemState).toBe("starting");
  state.take({ kind: "manager", systemState: "running", timeNs: at(2) });
  newChanges();
  state.take(unitSignal("active/running", at(3)));
  state.take(unitSignal("failed/failed", at(4)));
  state.take(unitSignal("inactive/dead", at(5)));
  state.take(unitSignal("active/active", at(6), { unit: "shutdown.target" }));
  expect(newChanges().filter((line) => line.startsWith("system"))).toEqual([
    "system.state SystemState=degraded",
    "system.state SystemState=running",
    "system.state SystemState=stopping",
  ]);
});

test("emits nothing when the manager's state is the first, or the same", () => {
  const { state, newChanges } = watched();
  state.take({ kind: "manager", systemState: "degraded", timeNs: at(0) });
  state.take({ kind: "manager", systemState: "degraded", timeNs: at(0) });
  state.take({ kind: "manager", version: "252", timeNs: at(0) });
  expect(newChanges()).toEqual([]);
  expect(state).toMatchObject({ manager: { systemState: "degraded", version: "252" } });
});

test("requests start times of shown active units when they have none", () => {
  const { state, unit } = recordedState((name) => name.endsWith(".service"));
  state.take({ kind: "attached", transport: "dbus", atNs: ATTACHED_NS });
  state.take({ kind: "recovered", entries: [] });
  state.take(unitSignal("active/running", at(9), { unit: "b.service", activeEnterNs: at(9) }));
  const wanted = state.take({
    kind: "listed",
    rows: [
      unitRow("a.service", "active"),
      unitRow("c.service", "inactive"),
      unitRow("d.mount", "active"),
    ],
    asOfNs: ATTACHED_NS,
  });
  expect(wanted?.startTimesOf).toEqual(["a.service"]);
  state.take({ kind: "start-time", unit: "a.service", timeNs: 7n });
  state.take({ kind: "start-time", unit: "c.service", timeNs: 7n });
  state.take({ kind: "start-time", unit: "nowhere.service", timeNs: 7n });
  expect(unit("a.service").activeEnterNs).toBe(7n);
  expect(unit("c.service").activeEnterNs).toBe(0n);
});

test("emits a start once that was recovered before the signals that lead to it", () => {
  const { state, newChanges } = watched([unitRow("a.service", "active")]);
  state.take(unitSignal("active/running", at(1), { unit: "a.service", activeEnterNs: at(1) }));
  state.take({ kind: "attached", transport: "dbus", atNs: at(5) });
  state.take({ kind: "recovered", entries: [] });
  state.take({ kind: "listed", rows: [unitRow("a.service", "active")], asOfNs: at(8) });
  newChanges();
  state.take({ kind: "start-time", unit: "a.service", timeNs: at(7) });
  state.take(unitSignal("inactive/dead", at(6), { unit: "a.service", activeEnterNs: at(1) }));
  state.take(unitSignal("active/running", at(7), { unit: "a.service", activeEnterNs: at(7) }));
  expect(newChanges()).toEqual([
    "unit.active a.service ActiveState=active recovered",
    "unit.inactive a.service ActiveState=inactive",
  ]);
});

test.each(["__proto__", "constructor", "toString"])("accepts the name %s", (name) => {
  const { state, newChanges, unit } = watched([unitRow(name, "active")]);
  state.take(serviceSignal(at(1), { unit: name, result: name }));
  state.take(unitSignal("failed/failed", at(1), { unit: name }));
  expect(newChanges()).toEqual([`unit.failed ${name} ActiveState=failed`]);
  expect([...unit(name).failures]).toEqual([[name, 1]]);
});

test("counts each failure with the Result oom-kill as an OOM kill", () => {
  const { state, unit } = watched();
  for (const [ms, result] of [
    [1, "oom-kill"],
    [3, "exit-code"],
    [5, "oom-kill"],
  ] as const) {
    state.take(serviceSignal(at(ms), { result, exitStatus: 9 }));
    state.take(unitSignal("failed/failed", at(ms)));
    state.take(unitSignal("failed/failed", at(ms)));
    state.take(serviceSignal(at(ms + 1), { result: "success" }));
    state.take(unitSignal("active/running", at(ms + 1)));
  }
  expect(unit("a.service").counters.oomKills).toBe(2);
  expect([...unit("a.service").failures]).toEqual([
    ["oom-kill", 2],
    ["exit-code", 1],
  ]);
});
