import type { UnitChange } from "../domain/change.ts";
import type { ContainerIdentity } from "../domain/container.ts";
import type { EventKind } from "../domain/event.ts";
import { EventKind as Kind } from "../domain/event.ts";
import type { LabelSet } from "../domain/label-set.ts";
import type { ServiceSignal, SystemdTransport, UnitSignal } from "../domain/systemd.ts";
import type { ActiveState, UnitRow } from "../domain/unit.ts";
import type { FleetEvents } from "./fleet-events.ts";
import type { UnitRecord } from "./unit-record.ts";
import { UnitTable } from "./unit-table.ts";
import type { UnitAdmission } from "./unit-table.ts";

/** The event kind that stands for a unit's entry into a state. */
function kindOf(state: ActiveState): Extract<EventKind, `unit.${string}`> {
  switch (state) {
    case "active":
      return Kind.UnitActive;
    case "failed":
      return Kind.UnitFailed;
    case "inactive":
    case "maintenance":
      return Kind.UnitInactive;
    case "activating":
      return Kind.UnitActivating;
    case "deactivating":
      return Kind.UnitDeactivating;
    case "reloading":
    case "refreshing":
      return Kind.UnitReloading;
    default:
      return state satisfies never;
  }
}

/** Result where systemd told none: units that are no service don't send it along. */
const RESULT_UNKNOWN = "unknown";
const NONE = { result: undefined, exitCode: undefined, restarts: undefined } as const;

/** The systemd inside one container: its units, what they went through, and how it is watched. */
export class SystemdState {
  readonly units: UnitTable;
  /** How it is watched, or was last; undefined before the first attach. */
  transport: SystemdTransport | undefined = undefined;
  up = false;
  /** Streams opened again after one was lost. */
  reconnects = 0;
  #attachedAtNs = 0n;
  #listed = false;
  readonly #identity: () => ContainerIdentity;
  readonly #events: FleetEvents;

  constructor(
    identity: () => ContainerIdentity,
    events: FleetEvents,
    tables: { readonly admission: UnitAdmission; readonly labels: LabelSet },
  ) {
    this.#identity = identity;
    this.#events = events;
    this.units = new UnitTable(tables.admission, tables.labels);
  }

  /** A stream stands: what happens from `atNs` on is told. */
  attached(transport: SystemdTransport, atNs: bigint): void {
    this.transport = transport;
    this.#attachedAtNs = atNs;
  }

  lost(): void {
    this.up = false;
  }

  /** systemd isn't running any more: nothing that was known of its units is true. */
  ended(): void {
    this.up = false;
    this.units.unloadAll();
  }

  /** Folds in what ListUnits says: it is watched now. What is so already is no change. */
  snapshot(rows: readonly UnitRow[], asOfNs: bigint): void {
    if (this.#listed && !this.up) this.reconnects += 1;
    this.#listed = true;
    this.up = true;
    for (const row of rows) {
      const unit = this.#obtain(row.name);
      if (unit === undefined || unit.signalNs > asOfNs) continue;
      if (unit.activeState !== row.activeState) unit.fromSnapshot = true;
      this.units.setState(unit, row.activeState, row.subState);
    }
    for (const unit of this.units.missingFrom(rows)) {
      if (unit.signalNs <= asOfNs) this.units.unload(unit);
    }
  }

  unit(signal: UnitSignal): void {
    const unit = this.#obtain(signal.unit);
    if (unit === undefined) return;
    unit.signalNs = signal.timeNs;
    const previous = unit.activeState;
    if (!this.#isChange(unit, signal)) {
      this.units.setState(unit, signal.activeState, signal.subState);
      return;
    }
    unit.fromSnapshot = false;
    this.units.setState(unit, signal.activeState, signal.subState);
    if (signal.activeState === "failed") count(unit.failures, unit.result ?? RESULT_UNKNOWN);
    if (!unit.shown) return;
    const failed = signal.activeState === "failed";
    this.#emit(unit, {
      kind: kindOf(signal.activeState),
      timeNs: signal.stateChangeNs,
      previousState: previous,
      detail: `ActiveState=${signal.activeState}`,
      ...(failed ? { result: unit.result, exitCode: unit.exitStatus, restarts: undefined } : NONE),
    });
  }

  service(signal: ServiceSignal): void {
    const unit = this.#obtain(signal.unit);
    if (unit === undefined) return;
    if (signal.result !== undefined) unit.result = signal.result;
    if (signal.exitStatus !== undefined) unit.exitStatus = signal.exitStatus;
    if (signal.restarts === undefined) return;
    const before = unit.restartsSeen;
    unit.restartsSeen = signal.restarts;
    if (before === undefined) return;
    const more = signal.restarts >= before ? signal.restarts - before : signal.restarts;
    if (more === 0) return;
    unit.restarts += more;
    if (!unit.shown) return;
    this.#emit(unit, {
      kind: Kind.UnitRestart,
      timeNs: signal.timeNs,
      previousState: unit.activeState,
      detail: `NRestarts=${signal.restarts}`,
      result: unit.result,
      exitCode: unit.exitStatus,
      restarts: signal.restarts,
    });
  }

  /**
   * Repeated signals with the same values are the rule, so a change is another ActiveState than the
   * known one. Where a snapshot alone gave that, or nothing did, the signal's own time tells
   * whether it happened under watch.
   */
  #isChange(unit: UnitRecord, signal: UnitSignal): boolean {
    if (unit.activeState !== undefined && unit.activeState !== signal.activeState) return true;
    if (unit.activeState !== undefined && !unit.fromSnapshot) return false;
    return signal.stateChangeNs >= this.#attachedAtNs;
  }

  #obtain(name: string): UnitRecord | undefined {
    const unit = this.units.obtain(name);
    if (unit === undefined) this.#events.refused("unit_table");
    return unit;
  }

  #emit(
    unit: UnitRecord,
    change: Omit<
      UnitChange,
      "identity" | "node" | "container" | "unit" | "recovered" | "activeState" | "subState"
    >,
  ): void {
    const identity = this.#identity();
    this.#events.changed({
      ...change,
      node: identity.node,
      container: identity.name,
      unit: unit.name,
      identity,
      recovered: false,
      activeState: unit.activeState,
      subState: unit.subState,
    });
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
