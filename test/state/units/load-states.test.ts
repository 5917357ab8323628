import { expect, test } from "@jest/globals";
import type { LoadFault, UnitRow } from "../../../src/domain/unit.ts";
import { journalEntry, unitRow } from "../../support/systemd-facts.ts";
import { recordedState, serviceSignal, unitSignal } from "../../support/systemd/recorded-state.ts";
import type { RecordedState } from "../../support/systemd/recorded-state.ts";

const ATTACHED_NS = 1_000_000_000_000n;

/** Returns a time in milliseconds after the attach. */
const at = (ms: number): bigint => ATTACHED_NS + BigInt(ms) * 1_000_000n;

const ACTIVE = unitRow("a.service", "active", "running");
const OTHER = unitRow("b.service", "active", "running");

function faulty(row: UnitRow, loadFault: LoadFault): UnitRow {
  return { ...row, loadFault };
}

const NOT_FOUND = faulty(unitRow("a.service", "inactive", "dead"), "not-found");

function watched(rows: readonly UnitRow[]): RecordedState {
  const recorded = recordedState();
  recorded.state.take({ kind: "attached", transport: "dbus", atNs: ATTACHED_NS });
  recorded.state.take({ kind: "recovered", entries: [] });
  recorded.state.take({ kind: "listed", rows, asOfNs: ATTACHED_NS });
  return recorded;
}

const statesOf = ({ state }: RecordedState): Record<string, number> =>
  Object.fromEntries([...state.units.counts()].filter(([, count]) => count > 0));

test("holds no unit that isn't found", () => {
  const recorded = watched([NOT_FOUND, OTHER, faulty({ ...OTHER, name: "c.service" }, "masked")]);
  expect(
    [...recorded.state.units.values()].map(({ name, loadFault }) => [name, loadFault]),
  ).toEqual([
    ["b.service", undefined],
    ["c.service", "masked"],
  ]);
  expect(statesOf(recorded)).toEqual({ active: 2 });
  expect(recorded.changes).toEqual([]);
});

test("requests the row when a unit that isn't found sends a signal", () => {
  const { state, changes } = watched([NOT_FOUND]);
  state.take(serviceSignal(at(1), { result: "success", restarts: 0 }));
  expect(state.take(unitSignal("inactive/dead", at(1)))).toEqual({ rowOf: "a.service" });
  expect(state.units.get("a.service")).toBeUndefined();
  state.take({ kind: "loaded", rows: [NOT_FOUND] });
  expect(state.units.get("a.service")).toBeUndefined();
  state.take({ kind: "loaded", rows: [unitRow("a.service", "inactive", "dead")] });
  expect(state.units.get("a.service")).toMatchObject({ activeState: "inactive" });
  expect(state.take(unitSignal("active/running", at(2)))?.rowOf).toBeUndefined();
  expect(changes.map(({ kind }) => kind)).toEqual(["unit.active"]);
});

test("follows a unit from its start when its file was added without a reload", () => {
  const { state, newChanges } = watched([NOT_FOUND]);
  state.take(serviceSignal(at(1), { result: "success", restarts: 0 }));
  expect(state.take(unitSignal("activating/start", at(1)))?.rowOf).toBeUndefined();
  state.take(serviceSignal(at(2), { result: "exit-code", exitStatus: 1 }));
  state.take(unitSignal("failed/failed", at(2)));
  expect(newChanges()).toEqual([
    "unit.activating a.service ActiveState=activating",
    "unit.failed a.service ActiveState=failed",
  ]);
});

test("shows a unit when a listing finds it", () => {
  const recorded = watched([NOT_FOUND]);
  recorded.state.take({ kind: "listed", rows: [ACTIVE], asOfNs: at(1) });
  expect(recorded.state.units.get("a.service")).toMatchObject({ activeState: "active" });
  expect(statesOf(recorded)).toEqual({ active: 1 });
  expect(recorded.changes).toEqual([]);
});

test("removes a unit when it isn't found any more, and ignores what it does then", () => {
  const recorded = watched([ACTIVE, OTHER]);
  const { state, newChanges } = recorded;
  const orphan = faulty(ACTIVE, "not-found");
  state.take({ kind: "listed", rows: [orphan, OTHER], asOfNs: at(1) });
  expect(newChanges()).toEqual(["unit.removed a.service"]);
  expect(statesOf(recorded)).toEqual({ active: 1 });

  state.take(serviceSignal(at(2), { result: "exit-code", exitStatus: 1 }));
  state.take(unitSignal("failed/failed", at(2)));
  state.take(unitSignal("activating/auto-restart", at(3)));
  state.take({ kind: "removed", unit: "a.service", timeNs: at(4) });
  expect(newChanges()).toEqual([]);
  expect(state.units.get("a.service")).toBeUndefined();
});

test("keeps what a unit counted until the retention is over", () => {
  const { state } = watched([ACTIVE]);
  state.take(serviceSignal(at(1), { result: "exit-code", exitStatus: 1 }));
  state.take(unitSignal("failed/failed", at(1)));
  const row = faulty(unitRow("a.service", "failed", "failed"), "not-found");
  state.take({ kind: "listed", rows: [row], asOfNs: at(2) });
  expect(state.units.get("a.service")).toMatchObject({
    activeState: undefined,
    failures: new Map([["exit-code", 1]]),
  });
  state.take(unitSignal("inactive/dead", at(3)));
  expect(state.units.get("a.service")?.activeState).toBeUndefined();
  state.units.forgetRemoved(at(3));
  expect(state.units.get("a.service")).toBeUndefined();
});

test("emits nothing when a unit isn't found any more after a gap", () => {
  const { state, changes } = watched([ACTIVE]);
  state.take({ kind: "attached", transport: "dbus", atNs: at(5) });
  const entries = [journalEntry({ timeNs: at(4) })];
  expect(state.take({ kind: "recovered", entries })?.recoveredChanges).toBe(1);
  const row = faulty(unitRow("a.service", "failed", "failed"), "not-found");
  state.take({ kind: "listed", rows: [row], asOfNs: at(6) });
  expect(changes.map(({ kind }) => kind)).toEqual(["unit.failed"]);
  expect(state.units.get("a.service")?.activeState).toBeUndefined();
});

test("hides a unit without a change when its signal comes before its first row", () => {
  const { state, changes } = watched([OTHER]);
  state.take(unitSignal("inactive/dead", at(1), { stateChangeNs: 0n }));
  state.take({ kind: "loaded", rows: [NOT_FOUND] });
  expect(state.units.get("a.service")).toBeUndefined();
  expect(changes).toEqual([]);
});

test("keeps a unit that started after a listing that didn't find it", () => {
  const { state } = watched([NOT_FOUND]);
  state.take(unitSignal("active/running", at(2)));
  state.take({ kind: "listed", rows: [NOT_FOUND], asOfNs: at(1) });
  expect(state.units.get("a.service")?.activeState).toBe("active");
});

test("adopts a new LoadState when a unit is masked and unmasked", () => {
  const { state, changes } = watched([ACTIVE]);
  for (const loadFault of ["masked", "bad-setting", undefined] as const) {
    state.take({ kind: "listed", rows: [{ ...ACTIVE, loadFault }], asOfNs: at(1) });
    expect(state.units.get("a.service")?.loadFault).toBe(loadFault);
  }
  state.take({ kind: "loaded", rows: [faulty(ACTIVE, "error")] });
  expect(state.units.get("a.service")?.loadFault).toBe("error");
  state.take({ kind: "removed", unit: "a.service", timeNs: at(2) });
  expect(state.units.get("a.service")).toBeUndefined();
  expect(changes.map(({ kind }) => kind)).toEqual(["unit.removed"]);
});

test("is degraded while a unit that isn't found is failed, as systemd is", () => {
  const { state, newChanges } = watched([ACTIVE]);
  state.take({ kind: "manager", systemState: "running", timeNs: at(0) });
  const row = faulty(unitRow("a.service", "failed", "failed"), "not-found");
  state.take({ kind: "listed", rows: [row], asOfNs: at(1) });
  expect(state.manager.systemState).toBe("degraded");
  state.take({ kind: "removed", unit: "a.service", timeNs: at(2) });
  expect(state.manager.systemState).toBe("running");
  expect(newChanges().filter((line) => line.startsWith("system"))).toEqual([
    "system.state SystemState=degraded",
    "system.state SystemState=running",
  ]);
});
