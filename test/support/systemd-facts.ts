import type { JournalEntry, ServiceSignal, UnitSignal } from "../../src/domain/systemd.ts";
import type { ActiveState, UnitRow } from "../../src/domain/unit.ts";

/** Makes a row of ListUnits. */
export function unitRow(name: string, activeState: ActiveState, subState = ""): UnitRow {
  return { name, activeState, subState };
}

/** Makes a Unit signal of `a.service`, which just became active. */
export function unitSignal(more: Partial<UnitSignal> = {}): UnitSignal {
  return {
    kind: "unit",
    unit: "a.service",
    activeState: "active",
    subState: "running",
    stateChangeNs: 1_000n,
    activeEnterNs: 0n,
    invocationId: "",
    timeNs: 1_000n,
    ...more,
  };
}

/** Makes a Service signal of `a.service` without facts. */
export function serviceSignal(more: Partial<ServiceSignal> = {}): ServiceSignal {
  return {
    kind: "service",
    unit: "a.service",
    result: undefined,
    restarts: undefined,
    exitStatus: undefined,
    timeNs: 1_000n,
    ...more,
  };
}

/** Makes a journal entry of a failure of `a.service`. */
export function journalEntry(more: Partial<JournalEntry> = {}): JournalEntry {
  return {
    kind: "failure",
    unit: "a.service",
    result: "exit-code",
    restarts: undefined,
    invocationId: "",
    timeNs: 1_000n,
    ...more,
  };
}
