import { expect, test } from "@jest/globals";
import type { ManagerFacts, SystemState } from "../../../src/domain/systemd.ts";
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

const BOOT = { userspaceNs: ATTACHED_NS - 60_000_000_000n, softReboots: 0 };

/** Takes the manager's facts, as on the next stream. */
function reattached(
  { state }: RecordedState,
  facts: Partial<ManagerFacts>,
  ms: number,
  systemState: SystemState = "running",
): void {
  state.lost();
  state.take({ kind: "attached", transport: "dbus", atNs: at(ms) });
  state.take({ kind: "recovered", entries: [] });
  state.take({ kind: "listed", rows: [unitRow(unit, "inactive", "dead")], asOfNs: at(ms) });
  state.take({ kind: "manager", systemState, timeNs: at(ms), ...facts });
}

test("emits a soft reboot once, which it saw begin", () => {
  const recorded = watched();
  const { state, changes } = recorded;
  state.take({ kind: "manager", systemState: "running", timeNs: at(0), ...BOOT });
  state.take(unitSignal("inactive/dead", at(1), QUEUED));
  const rebooted = { userspaceNs: at(5), softReboots: 1 };
  reattached(recorded, BOOT, 2, "stopping");
  reattached(recorded, rebooted, 6, "starting");
  reattached(recorded, rebooted, 7);
  expect(
    changes.map(({ kind, detail, timeNs, recovered }) => [kind, detail, timeNs, recovered]),
  ).toEqual([
    ["system.state", "SystemState=stopping", at(1), false],
    ["system.soft_reboot", "SoftRebootsCount=1", at(5), false],
    ["system.state", "SystemState=starting", at(6), false],
    ["system.state", "SystemState=running", at(7), false],
  ]);
});

test("recovers the soft reboots that it missed", () => {
  const recorded = watched();
  recorded.state.take({ kind: "manager", systemState: "running", timeNs: at(0), ...BOOT });
  reattached(recorded, { userspaceNs: at(5), softReboots: 2 }, 6);
  expect(recorded.newChanges()).toEqual([
    "system.soft_reboot SoftRebootsCount=1 recovered",
    "system.soft_reboot SoftRebootsCount=2 recovered",
  ]);
});

test("finds a soft reboot of a systemd that doesn't count them", () => {
  const recorded = watched();
  recorded.state.take({ kind: "manager", timeNs: at(0), userspaceNs: BOOT.userspaceNs });
  reattached(recorded, { userspaceNs: BOOT.userspaceNs }, 6);
  reattached(recorded, { userspaceNs: at(7) }, 8);
  reattached(recorded, {}, 9);
  expect(recorded.newChanges()).toEqual(["system.soft_reboot recovered"]);
});

test("emits no soft reboot of a systemd that has none", () => {
  const recorded = watched();
  const version = "252.39-1~deb12u1";
  recorded.state.take({ kind: "manager", version, timeNs: at(0), userspaceNs: BOOT.userspaceNs });
  reattached(recorded, { userspaceNs: at(7), version }, 8);
  reattached(recorded, { userspaceNs: at(9) }, 10);
  expect(recorded.newChanges()).toEqual([]);
});

test("emits no soft reboot of before, of a boot, or of a number that falls", () => {
  const recorded = watched();
  const { state } = recorded;
  state.take({ kind: "manager", timeNs: at(0), ...BOOT, softReboots: 3 });
  reattached(recorded, { userspaceNs: at(5), softReboots: 1 }, 6);
  state.ended();
  reattached(recorded, { userspaceNs: at(7), softReboots: 0 }, 8);
  expect(recorded.newChanges()).toEqual([]);
});

test("recovers a soft reboot since the last change that an earlier process counted", () => {
  const recorded = recordedState();
  recorded.state.journalCursor.restore(String(at(-10)));
  reattached(recorded, { userspaceNs: at(-5), softReboots: 4 }, 0);
  expect(recorded.newChanges()).toEqual(["system.soft_reboot SoftRebootsCount=4 recovered"]);
  const { resume } = recorded.state.journalCursor;
  const next = recordedState();
  next.state.journalCursor.restore(resume);
  reattached(next, { userspaceNs: at(-5), softReboots: 4 }, 1);
  expect(next.newChanges()).toEqual([]);
});

test("bounds the soft reboots that one message shows", () => {
  const recorded = watched();
  recorded.state.take({ kind: "manager", timeNs: at(0), ...BOOT });
  reattached(recorded, { userspaceNs: at(5), softReboots: 2 ** 32 - 1 }, 6);
  expect(recorded.changes).toHaveLength(100);
});
