import type { Change, UnitChange } from "../../../src/domain/change.ts";
import type { JournalEntry, ServiceSignal, UnitSignal } from "../../../src/domain/systemd.ts";
import { LabelSet } from "../../../src/domain/label-set.ts";
import { SeriesBudget } from "../../../src/state/units/series-budget.ts";
import { SystemdState } from "../../../src/state/units/systemd-state.ts";
import type { UnitRecord } from "../../../src/state/units/unit-record.ts";
import { identityOf } from "../engine-facts.ts";

export interface RecordedState {
  readonly state: SystemdState;
  /** Every change that was emitted, in order. */
  readonly changes: Change[];
  readonly refused: string[];
  /** Kinds and details of the changes that were emitted since the last call. */
  readonly newChanges: () => string[];
  /** Changes of units that were emitted so far. */
  readonly unitChanges: () => UnitChange[];
  /** Returns the unit's record. Throws if it is missing. */
  readonly unit: (name: string) => UnitRecord;
}

/** The systemd of one container, whose changes a test can read. */
export function recordedState(shown: (unit: string) => boolean = () => true): RecordedState {
  const changes: Change[] = [];
  const refused: string[] = [];
  const identity = identityOf("sind-dev-worker-0");
  const state = new SystemdState(
    () => identity,
    {
      changed: (change) => void changes.push(change),
      refused: (what) => void refused.push(what),
    },
    {
      admission: { shown, series: new SeriesBudget(Number.POSITIVE_INFINITY) },
      labels: new LabelSet([["container", identity.name]]),
      softRebooted: () => {},
    },
  );
  let returned = 0;
  return {
    state,
    changes,
    refused,
    newChanges() {
      const newChanges = changes.slice(returned);
      returned = changes.length;
      return newChanges.map(({ kind, unit, detail, recovered }) =>
        [kind, unit, detail, recovered ? "recovered" : ""].filter((word) => word !== "").join(" "),
      );
    },
    unitChanges: () => changes.filter((change): change is UnitChange => "run" in change),
    unit(name) {
      const unit = state.units.get(name);
      if (unit === undefined) throw new Error(`there is no unit ${name}`);
      return unit;
    },
  };
}

/** All failures that were counted of a unit. */
export function failuresOf(unit: UnitRecord | undefined): number {
  return [...(unit?.failures.values() ?? [])].reduce((sum, count) => sum + count, 0);
}

/** The run of this number, as an InvocationID. */
export function runOf(number: number): string {
  return String(number).padStart(32, "0");
}

/** A Unit signal at `timeNs`, of a state that was entered right then. */
export function unitSignal(
  state: string,
  timeNs: bigint,
  more: Partial<UnitSignal> = {},
): UnitSignal {
  const [activeState, subState = ""] = state.split("/");
  return {
    kind: "unit",
    unit: "a.service",
    activeState: activeState as UnitSignal["activeState"],
    subState,
    stateChangeNs: timeNs,
    activeEnterNs: 0n,
    invocationId: runOf(1),
    timeNs,
    ...more,
  };
}

export function serviceSignal(timeNs: bigint, more: Partial<ServiceSignal> = {}): ServiceSignal {
  const most = { unit: "a.service", result: "success", restarts: 0, exitStatus: 0 };
  return { kind: "service", ...most, timeNs, ...more };
}

export function failure(timeNs: bigint, more: Partial<JournalEntry> = {}): JournalEntry {
  const most = { kind: "failure", unit: "a.service", result: "exit-code" } as const;
  return { ...most, restarts: undefined, invocationId: runOf(1), timeNs, ...more };
}

export function restart(
  restarts: number,
  timeNs: bigint,
  more: Partial<JournalEntry> = {},
): JournalEntry {
  const most = { kind: "restart", unit: "a.service", result: undefined } as const;
  return { ...most, restarts, invocationId: runOf(1), timeNs, ...more };
}
