import { expect, test } from "@jest/globals";
import type { UnitRow } from "../../../src/domain/unit.ts";
import {
  failuresOf,
  recordedState,
  runOf,
  serviceSignal,
  unitSignal,
} from "../../support/systemd/recorded-state.ts";

const START_NS = 1_000_000_000_000n;
const MS = 1_000_000n;
const BEFORE_NS = START_NS - 1n;

/** Returns a time in milliseconds after the attach. */
const at = (ms: number): bigint => START_NS + BigInt(ms) * MS;

/** A systemd that is watched, whose `a.service` was listed in this state; undefined: not at all. */
function watched(state: string | undefined) {
  const recorded = recordedState();
  const [activeState, subState = ""] = (state ?? "").split("/");
  const row = { name: "a.service", activeState: activeState as UnitRow["activeState"], subState };
  recorded.state.take({ kind: "attached", transport: "dbus", atNs: START_NS });
  recorded.state.take({ kind: "recovered", entries: [] });
  recorded.state.take({ kind: "listed", rows: state === undefined ? [] : [row], asOfNs: at(1) });
  const counts = (): number[] => {
    const unit = recorded.state.units.get("a.service");
    return [failuresOf(unit), unit?.restarts ?? 0];
  };
  return { ...recorded, counts };
}

test("emits a failure with its result, exit code and run", () => {
  const { state, unitChanges } = watched("active/running");
  state.take(serviceSignal(at(10), { result: "exit-code", exitStatus: 3 }));
  state.take(unitSignal("failed/failed", at(10), { timeNs: at(12) }));
  expect(unitChanges()).toEqual([
    expect.objectContaining({
      kind: "unit.failed",
      timeNs: at(10),
      previousState: "active",
      result: "exit-code",
      exitCode: 3,
      recovered: false,
      run: `${runOf(1)} failure 1`,
    }),
  ]);
});

test("counts another failure when a unit fails again without leaving the state", () => {
  const { state, unitChanges, counts } = watched("active/running");
  state.take(serviceSignal(at(10), { result: "exit-code" }));
  state.take(unitSignal("failed/failed", at(10)));
  state.take(unitSignal("failed/failed", at(10), { timeNs: at(20) }));
  expect(counts()).toEqual([1, 0]);
  state.take(unitSignal("failed/failed", at(500)));
  state.take(unitSignal("failed/failed", at(900)));
  expect(unitChanges().map(({ run }) => run)).toEqual(
    [1, 2, 3].map((number) => `${runOf(1)} failure ${number}`),
  );
});

test("counts a failure when a starting unit with RestartMode=direct waits for its restart", () => {
  const { state, newChanges } = watched("inactive/dead");
  state.take(unitSignal("activating/start", at(9)));
  newChanges();
  state.take(serviceSignal(at(10), { result: "timeout" }));
  state.take(unitSignal("activating/auto-restart", at(10)));
  expect(newChanges()).toEqual(["unit.failed a.service ActiveState=activating"]);
});

test("counts a failure when RestartMode=direct skips the wait", () => {
  const { state, counts } = watched("inactive/dead");
  state.take(unitSignal("active/running", at(9)));
  state.take(serviceSignal(at(10), { result: "signal", restarts: 1 }));
  state.take(unitSignal("activating/auto-restart-queued", at(10)));
  expect(counts()[0]).toBe(1);
});

test.each([
  ["since the attach", at(0), 1],
  ["before the attach", BEFORE_NS, 0],
])(
  "counts by the time of the wait when an unknown unit waits for its restart %s",
  (_when, changedNs, failures) => {
    const { state, counts } = watched(undefined);
    state.take(serviceSignal(at(10), { result: "signal" }));
    state.take(unitSignal("activating/auto-restart", changedNs, { timeNs: at(10) }));
    expect(counts()).toEqual([failures, 0]);
  },
);

test("counts another failure when a failed unit waits for the restart of another run", () => {
  const { state, counts } = watched("failed/failed");
  state.take(unitSignal("failed/failed", BEFORE_NS, { timeNs: at(5) }));
  state.take(serviceSignal(at(10), { result: "signal" }));
  state.take(unitSignal("activating/auto-restart", at(10), { invocationId: runOf(2) }));
  expect(counts()[0]).toBe(1);
});

test("counts one restart when a unit that was listed waiting reports its next number", () => {
  const { state, counts } = watched("activating/auto-restart");
  for (const _twice of [1, 2]) {
    state.take(serviceSignal(at(10), { restarts: 8 }));
    state.take(unitSignal("activating/auto-restart", BEFORE_NS, { timeNs: at(10) }));
  }
  expect(counts()[1]).toBe(1);
});

test("counts one restart when v257 queues the restart of a unit that was listed waiting", () => {
  const { state, counts } = watched("activating/auto-restart");
  for (const _twice of [1, 2]) {
    state.take(serviceSignal(at(10), { restarts: 8 }));
    state.take(unitSignal("activating/auto-restart-queued", at(10)));
  }
  expect(counts()[1]).toBe(1);
});

test.each([
  ["was stopped while it waited", "inactive/dead", at(10)],
  ["waits again", "activating/auto-restart", at(10)],
])("counts no restart when a unit that waited %s", (_what, state, changedNs) => {
  const { state: systemd, counts } = watched("activating/auto-restart");
  systemd.take(serviceSignal(at(10), { restarts: 8 }));
  systemd.take(unitSignal(state, changedNs));
  expect(counts()[1]).toBe(0);
});

test("counts from the first number when the unit runs", () => {
  const { state, counts } = watched("active/running");
  for (const [i, restarts] of [8, 8, 9].entries()) {
    state.take(serviceSignal(at(10 + i), { restarts }));
    state.take(unitSignal("active/running", BEFORE_NS, { timeNs: at(10 + i) }));
  }
  expect(counts()[1]).toBe(1);
});
