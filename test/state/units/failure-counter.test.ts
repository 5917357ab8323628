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

/** So many milliseconds after the stream stood. */
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

test("a failure is told with its result, its exit code and its run", () => {
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

test("failed again without leaving that state: a start limit that is hit anew", () => {
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

test("RestartMode=direct while it starts has no other ActiveState, and is a failure", () => {
  const { state, news } = watched("inactive/dead");
  state.take(unitSignal("activating/start", at(9)));
  news();
  state.take(serviceSignal(at(10), { result: "timeout" }));
  state.take(unitSignal("activating/auto-restart", at(10)));
  expect(news()).toEqual(["unit.failed a.service ActiveState=activating"]);
});

test("RestartMode=direct: the wait itself may be passed over as well", () => {
  const { state, counts } = watched("inactive/dead");
  state.take(unitSignal("active/running", at(9)));
  state.take(serviceSignal(at(10), { result: "signal", restarts: 1 }));
  state.take(unitSignal("activating/auto-restart-queued", at(10)));
  expect(counts()[0]).toBe(1);
});

test.each([
  ["since the stream stood", at(0), 1],
  ["before that", BEFORE_NS, 0],
])("a unit never seen before that waits for its restart %s", (_when, changedNs, failures) => {
  const { state, counts } = watched(undefined);
  state.take(serviceSignal(at(10), { result: "signal" }));
  state.take(unitSignal("activating/auto-restart", changedNs, { timeNs: at(10) }));
  expect(counts()).toEqual([failures, 0]);
});

test("a failed unit that waits for the restart of another run has failed anew", () => {
  const { state, counts } = watched("failed/failed");
  state.take(unitSignal("failed/failed", BEFORE_NS, { timeNs: at(5) }));
  state.take(serviceSignal(at(10), { result: "signal" }));
  state.take(unitSignal("activating/auto-restart", at(10), { invocationId: runOf(2) }));
  expect(counts()[0]).toBe(1);
});

test("of a unit that waited for its restart when it was listed, the next number is one more", () => {
  const { state, counts } = watched("activating/auto-restart");
  for (const _twice of [1, 2]) {
    state.take(serviceSignal(at(10), { restarts: 8 }));
    state.take(unitSignal("activating/auto-restart", BEFORE_NS, { timeNs: at(10) }));
  }
  expect(counts()[1]).toBe(1);
});

test("v257's state of a queued restart tells that the number has gone up", () => {
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
])("one that %s has the number that it had", (_what, state, changedNs) => {
  const { state: systemd, counts } = watched("activating/auto-restart");
  systemd.take(serviceSignal(at(10), { restarts: 8 }));
  systemd.take(unitSignal(state, changedNs));
  expect(counts()[1]).toBe(0);
});

test("the first number of a unit that runs is where counting begins", () => {
  const { state, counts } = watched("active/running");
  for (const [i, restarts] of [8, 8, 9].entries()) {
    state.take(serviceSignal(at(10 + i), { restarts }));
    state.take(unitSignal("active/running", BEFORE_NS, { timeNs: at(10 + i) }));
  }
  expect(counts()[1]).toBe(1);
});
