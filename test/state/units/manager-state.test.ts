import { expect, test } from "@jest/globals";
import type { SystemState } from "../../../src/domain/systemd.ts";
import { unitRow } from "../../support/systemd-facts.ts";
import { recordedState, unitSignal } from "../../support/systemd/recorded-state.ts";
import type { RecordedState } from "../../support/systemd/recorded-state.ts";

const ATTACHED_NS = 1_000_000_000_000n;
const unit = "shutdown.target";

/** Returns a time in milliseconds after the attach. */
const at = (ms: number): bigint => ATTACHED_NS + BigInt(ms) * 1_000_000n;

/** A systemd that is watched, in a state. */
function watched(systemState?: SystemState): RecordedState {
  const recorded = recordedState();
  const rows = [unitRow(unit, "inactive", "dead")];
  recorded.state.take({ kind: "attached", transport: "dbus", atNs: ATTACHED_NS });
  recorded.state.take({ kind: "recovered", entries: [] });
  recorded.state.take({ kind: "listed", rows, asOfNs: ATTACHED_NS });
  if (systemState !== undefined) {
    recorded.state.take({ kind: "manager", systemState, timeNs: ATTACHED_NS });
  }
  return recorded;
}

const IDLE = { unit, stateChangeNs: 0n, hasJob: false };
const QUEUED = { ...IDLE, hasJob: true };

test.each(["initializing", "starting", "running", "degraded", "maintenance"] as const)(
  "stops once when the start of shutdown.target is queued while it is %s",
  (before) => {
    const { state, changes } = watched(before);
    state.take(unitSignal("inactive/dead", at(1), QUEUED));
    state.take(unitSignal("inactive/dead", at(2), QUEUED));
    expect(state.manager.systemState).toBe("stopping");
    state.take(unitSignal("failed/failed", at(3)));
    state.take(unitSignal("active/active", at(4), { unit, hasJob: false }));
    expect(state.manager.systemState).toBe("stopping");
    expect(changes.filter(({ kind }) => kind === "system.state")).toMatchObject([
      { systemState: "stopping", previousState: before, timeNs: at(1) },
    ]);
  },
);

test("requests the state when the stop was cancelled", () => {
  const { state, newChanges } = watched("running");
  expect(state.take(unitSignal("inactive/dead", at(1), IDLE))).toBeUndefined();
  expect(state.take(unitSignal("inactive/dead", at(1), QUEUED))).toBeUndefined();
  expect(state.take(unitSignal("inactive/dead", at(2), IDLE))).toEqual({ managerState: true });
  state.take({ kind: "manager", systemState: "running", timeNs: at(3) });
  expect(newChanges()).toEqual([
    "system.state SystemState=stopping",
    "system.state SystemState=running",
  ]);
});

test("emits nothing when it stops already at the start", () => {
  const { state, changes } = watched();
  state.take(unitSignal("inactive/dead", at(1), QUEUED));
  state.take({ kind: "manager", systemState: "stopping", timeNs: at(2) });
  expect(state.manager.systemState).toBe("stopping");
  expect(changes).toEqual([]);
});
