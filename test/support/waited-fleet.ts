import { Waiter } from "../../src/commands/wait/waiter.ts";
import type { WaiterOptions } from "../../src/commands/wait/waiter.ts";
import { WatchView } from "../../src/commands/wait/watch-view.ts";
import type { Change } from "../../src/domain/change.ts";
import type { ContainerDetails } from "../../src/domain/container.ts";
import type { SystemState } from "../../src/domain/systemd.ts";
import type { UnitRow } from "../../src/domain/unit.ts";
import type { WaitGoal } from "../../src/domain/wait-goal.ts";
import { identifier } from "../../src/engine/format/identity.ts";
import type { ContainerRecord } from "../../src/state/containers/container-record.ts";
import { Fleet } from "../../src/state/fleet.ts";
import { SeriesBudget } from "../../src/state/units/series-budget.ts";
import { containerDetails, engineEvent } from "./engine-facts.ts";
import { FakeClock } from "./fake-clock.ts";
import { serviceSignal, unitRow, unitSignal } from "./systemd-facts.ts";

export const NOTHING: WaitGoal = {
  containers: [],
  host: "none",
  units: [],
  system: undefined,
  health: undefined,
};

/** Fleet with a waiter; a test controls its events and its clock. */
export class WaitedFleet {
  readonly clock = new FakeClock();
  /** State of the engine's watch. */
  readonly engine = { up: true, listed: true };
  readonly view: WatchView;
  readonly fleet: Fleet;
  /** Every change, in order. */
  readonly changes: Change[] = [];
  #waiter: Waiter | undefined;

  /** @param names names of units that are resolved; then no unit is shown for its own sake */
  constructor(isFiltered = false, names: readonly string[] = []) {
    const isShown = (): boolean => names.length === 0;
    this.fleet = new Fleet({
      events: { changed: (change) => this.changed(change), refused: () => {} },
      admission: { shown: isShown, series: new SeriesBudget(0), names },
      identify: identifier(undefined, () => "docker"),
    });
    this.view = new WatchView(this.fleet, { engine: this.engine, isFiltered });
  }

  /** Starts a waiter, by default without a time limit. */
  wait(goal: Partial<WaitGoal>, options: Partial<WaiterOptions> = {}): Waiter {
    this.#waiter = new Waiter({
      goal: { ...NOTHING, ...goal },
      view: this.view,
      timeoutMs: undefined,
      keepWaiting: false,
      clock: this.clock,
      sinceMs: this.clock.monotonicMs(),
      ...options,
    });
    this.#waiter.check();
    return this.#waiter;
  }

  changed(change: Change): void {
    this.changes.push(change);
    this.view.changed(change);
    this.#waiter?.check();
  }

  /** Applies an engine event of a container. */
  happens(action: string, name: string, more: Readonly<Record<string, string>> = {}): void {
    this.fleet.engineEvent(engineEvent(action, name, { timeNs: this.clock.nowNs(), ...more }));
    this.#waiter?.check();
  }

  /** Applies an inspection of a container. */
  inspected(name: string, more: Partial<ContainerDetails> = {}): ContainerRecord {
    const startedAtNs = this.clock.nowNs();
    const record = this.fleet.details(containerDetails(name, { startedAtNs, ...more }), true);
    this.#waiter?.check();
    return record;
  }

  /** Adds a container whose systemd is watched, with these units. */
  node(name: string, rows: readonly UnitRow[], state: SystemState = "running"): ContainerRecord {
    const record = this.inspected(name, { runsSystemd: true });
    this.listed(record, rows, state);
    return record;
  }

  /** Opens a stream to the container's systemd, which lists these units. */
  listed(record: ContainerRecord, rows: readonly UnitRow[], state?: SystemState): void {
    const { systemd } = record;
    const nowNs = this.clock.nowNs();
    systemd.take({ kind: "attached", transport: "dbus", atNs: nowNs });
    systemd.take({ kind: "recovered", entries: [] });
    systemd.take({ kind: "listed", rows, asOfNs: nowNs });
    this.stateRead(record);
    if (state === undefined) return;
    systemd.take({ kind: "manager", systemState: state, timeNs: nowNs });
    this.stateRead(record);
  }

  stateRead(record: ContainerRecord): void {
    this.view.stateRead(record);
    this.#waiter?.check();
  }

  /** Applies systemd's signals of a unit's new state. */
  unit(record: ContainerRecord, row: UnitRow, result?: string): void {
    const timeNs = this.clock.nowNs();
    const { name: unit, activeState, subState } = row;
    if (result !== undefined) record.systemd.take(serviceSignal({ unit, result, timeNs }));
    record.systemd.take(unitSignal({ unit, activeState, subState, stateChangeNs: timeNs, timeNs }));
  }
}

export const active = (unit: string): UnitRow => unitRow(unit, "active", "running");
export const failed = (unit: string): UnitRow => unitRow(unit, "failed", "failed");
