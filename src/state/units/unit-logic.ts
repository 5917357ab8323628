import type { UnitChange } from "../../domain/change.ts";
import { EventKind } from "../../domain/event.ts";
import type { JournalEntry, UnitSignal } from "../../domain/systemd.ts";
import type { ActiveState } from "../../domain/unit.ts";
import type { CountedChange, UnitRecord } from "./unit-record.ts";

/** The event kind that stands for a unit's entry into a state. */
export function unitEventKind(state: ActiveState): UnitChange["kind"] {
  switch (state) {
    case "active":
      return EventKind.UnitActive;
    case "failed":
      return EventKind.UnitFailed;
    case "inactive":
    case "maintenance":
      return EventKind.UnitInactive;
    case "activating":
      return EventKind.UnitActivating;
    case "deactivating":
      return EventKind.UnitDeactivating;
    case "reloading":
    case "refreshing":
      return EventKind.UnitReloading;
    default:
      return state satisfies never;
  }
}

/** True for the sub states in which a service waits for its restart. */
export function isAutoRestart(subState: string): boolean {
  return subState === "auto-restart" || subState === "auto-restart-queued";
}

/**
 * True where the newest signal told of this very state change. A listing in between that says
 * something else is ahead of both, and the signals of that are still to come: busctl's signals and
 * its listings come by two ways.
 */
export function isRepeated(unit: UnitRecord, signal: UnitSignal): boolean {
  const { stateChangeNs, activeState } = signal;
  const isSameChange = stateChangeNs > 0n && stateChangeNs === unit.stateChangeNs;
  return isSameChange && activeState === unit.signalState;
}

/**
 * True where a service waits for its restart from now on, and didn't before.
 *
 * @param before SubState as it was known, when it was entered, and whether this one was entered
 * while the stream stood
 */
export function beginsToWait(
  unit: UnitRecord,
  { subState, stateChangeNs }: UnitSignal,
  before: {
    readonly previousSub: string;
    readonly changedNs: bigint;
    readonly underWatch: boolean;
  },
): boolean {
  const { previousSub, changedNs, underWatch } = before;
  if (subState === "auto-restart") {
    const isKnown = previousSub !== "" && !isAutoRestart(previousSub);
    return isKnown || (stateChangeNs > changedNs && underWatch);
  }
  // v257's second step: where the first one was missed, the journal may have told of it.
  const isUntold = changedNs > 0n && (unit.lastFailure?.timeNs ?? 0n) < changedNs;
  return isAutoRestart(subState) && !isAutoRestart(previousSub) && isUntold;
}

/**
 * True where the journal's entry was not counted yet.
 *
 * Of one unit, systemd's lines and its state changes take turns: it writes the line about a
 * failure, and then changes the state; it changes the state to wait for a restart, and then writes
 * the line about that. (v257 changes the state after that line once more.) So a line that is older
 * than a state change that was counted was counted too.
 */
export function isNewEntry(unit: UnitRecord, entry: JournalEntry, baselineNs: bigint): boolean {
  if (entry.timeNs <= baselineNs) return false;
  const last = entry.kind === "failure" ? unit.lastFailure : unit.lastRestart;
  if (last === undefined) return true;
  if (entry.timeNs <= last.timeNs) return false;
  return entry.kind === "failure" || !isCovered(last, entry.restarts, entry.invocationId);
}

/**
 * How much older the journal's entry can be than the state change that it tells of: 0.1 ms as
 * measured, and 290 ms on a machine that was busy.
 */
const ENTRY_AHEAD_NS = 2_000_000_000n;

/** True where the journal told of the failure that this signal tells of. */
export function isTold(unit: UnitRecord, signal: UnitSignal): boolean {
  const { journalFailure: last, journalFailureUntilNs: untilNs } = unit;
  if (last === undefined || (untilNs !== undefined && signal.stateChangeNs > untilNs)) return false;
  const aheadNs = signal.stateChangeNs - last.timeNs;
  // The journal has all that was before its last entry.
  if (aheadNs <= 0n) return true;
  // The same run fails again where its restart hits the start limit.
  const restartNs = unit.lastRestart?.timeNs ?? 0n;
  if (last.timeNs <= restartNs && restartNs < signal.stateChangeNs) return false;
  // A start that is under way has set Result back and named the next run already.
  const isStarting = unit.result === "success";
  return aheadNs < ENTRY_AHEAD_NS && (isStarting || isSameRun(last, signal.invocationId));
}

/** True where the journal told of the restart that made NRestarts this number. */
export function isRestartTold(unit: UnitRecord, restarts: number, signal: UnitSignal): boolean {
  const { journalRestart: last } = unit;
  if (last === undefined) return false;
  return signal.stateChangeNs <= last.timeNs || isCovered(last, restarts, signal.invocationId);
}

/** One wait can bring two restarts: systemd schedules a second one where it is reloaded meanwhile. */
function isCovered(
  last: CountedChange,
  restarts: number | undefined,
  invocationId: string,
): boolean {
  return restarts !== undefined && restarts <= last.number && isSameRun(last, invocationId);
}

function isSameRun(last: CountedChange, invocationId: string): boolean {
  return last.invocationId === invocationId || last.invocationId === "";
}
