import type { UnitChange } from "../domain/change.ts";
import { EventKind } from "../domain/event.ts";
import type { JournalEntry, UnitSignal } from "../domain/systemd.ts";
import type { ActiveState } from "../domain/unit.ts";
import type { UnitRecord } from "./unit-record.ts";

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
 * True where the journal's entry was not counted yet. An entry is a moment older than the signal
 * for the same change, and younger than every change before that.
 */
export function isNewEntry(unit: UnitRecord, entry: JournalEntry, baselineNs: bigint): boolean {
  if (entry.timeNs <= baselineNs) return false;
  if (entry.kind === "failure") return entry.timeNs > unit.lastFailureNs;
  const { restarts } = entry;
  const higher =
    restarts !== undefined && unit.restartsSeen !== undefined && restarts > unit.restartsSeen;
  return higher || entry.timeNs > unit.lastRestartNs;
}

/** How much older the journal's entry can be than the state change that it tells of. */
const ENTRY_AHEAD_NS = 2_000_000_000n;

/** True where the journal told of this very failure already; it is then used up. */
export function takeRecovered(unit: UnitRecord, signal: UnitSignal): boolean {
  const at = unit.recoveredFailures.findIndex(
    (entry) =>
      entry.timeNs <= signal.stateChangeNs &&
      signal.stateChangeNs - entry.timeNs < ENTRY_AHEAD_NS &&
      (entry.invocationId === signal.invocationId || entry.invocationId === ""),
  );
  if (at < 0) return false;
  unit.recoveredFailures = unit.recoveredFailures.slice(at + 1);
  if (signal.stateChangeNs > unit.lastFailureNs) unit.lastFailureNs = signal.stateChangeNs;
  return true;
}
