import type { LabelSet } from "../../domain/label-set.ts";
import type { ActiveState, UnitRow } from "../../domain/unit.ts";
import type { SeriesBudget } from "./series-budget.ts";
import { UnitRecord } from "./unit-record.ts";

/** What decides about units: the filters, and the room for series. */
export interface UnitAdmission {
  /** True where the include and exclude expressions let the unit be shown. */
  shown(name: string): boolean;
  readonly series: SeriesBudget;
}

/** Series of a unit: its states, the start time, the restarts, and one result of failures. */
const UNIT_SERIES = 8;

/** Most units kept for one container; what is past it is refused and counted by the caller. */
export const MAX_UNITS_PER_CONTAINER = 50_000;

/** The units of one container's systemd, and how many are in each ActiveState. */
export class UnitTable {
  readonly #units = new Map<string, UnitRecord>();
  readonly #counts = new Map<ActiveState, number>();
  readonly #admission: UnitAdmission;
  #labels: LabelSet;

  constructor(admission: UnitAdmission, containerLabels: LabelSet) {
    this.#admission = admission;
    this.#labels = containerLabels;
  }

  get size(): number {
    return this.#units.size;
  }

  /** Every known unit, hidden ones too. */
  values(): Iterable<UnitRecord> {
    return this.#units.values();
  }

  get(name: string): UnitRecord | undefined {
    return this.#units.get(name);
  }

  /** The unit's record, made where there is none; undefined where the table is full. */
  obtain(name: string): UnitRecord | undefined {
    const known = this.#units.get(name);
    if (known !== undefined) return known;
    if (this.#units.size >= MAX_UNITS_PER_CONTAINER) return undefined;
    const shown = this.#admission.shown(name);
    const hasSeries = shown && this.#admission.series.take(UNIT_SERIES);
    const sinceNs = this.#admission.series.nowNs();
    const made = new UnitRecord(name, { shown, hasSeries, sinceNs }, this.#labels);
    this.#units.set(name, made);
    return made;
  }

  /** Units in each state, filters not applied. */
  counts(): ReadonlyMap<ActiveState, number> {
    return this.#counts;
  }

  /** Puts a unit into a state and keeps the counts right. */
  setState(unit: UnitRecord, activeState: ActiveState, subState: string): void {
    if (unit.activeState !== activeState) {
      if (unit.activeState !== undefined) this.#count(unit.activeState, -1);
      this.#count(activeState, 1);
      unit.activeState = activeState;
      unit.removedAtNs = undefined;
    }
    unit.subState = subState;
  }

  /** Takes a unit's state away: it is no longer loaded. Its counters stay. */
  unload(unit: UnitRecord): void {
    if (unit.activeState !== undefined) this.#count(unit.activeState, -1);
    unit.unload();
    if (!unit.hasCounters) this.#forget(unit);
  }

  /** systemd removed it: it is forgotten with its counters after the retention. */
  remove(unit: UnitRecord, timeNs: bigint): void {
    unit.removedAtNs = timeNs;
    this.unload(unit);
  }

  /** Names of the units that are active and shown; of those alone whose start time isn't known, or of all. */
  startedAmong(rows: readonly UnitRow[], options: { readonly unknownAlone: boolean }): string[] {
    return rows
      .filter(({ name, activeState }) => {
        const unit = this.#units.get(name);
        if (activeState !== "active" || unit?.hasSeries !== true) return false;
        return !options.unknownAlone || unit.activeEnterNs === 0n;
      })
      .map(({ name }) => name);
  }

  /** A new stream stands: nothing was listed on it yet, and no signal of it is newer than its listing. */
  unlist(): void {
    for (const unit of this.#units.values()) {
      unit.isListed = false;
      unit.signalNs = 0n;
    }
  }

  /** The clock was set back: what is known of the units was told before `knownNs`. */
  setBack(knownNs: bigint): void {
    for (const unit of this.#units.values()) unit.setBack(knownNs);
  }

  /** A complete listing was folded in: what was counted and isn't loaded is forgotten after the retention. */
  retire(timeNs: bigint): void {
    for (const unit of this.#units.values()) {
      if (unit.activeState === undefined) unit.removedAtNs ??= timeNs;
    }
  }

  /** Forgets what was removed before `beforeNs`. */
  forgetRemoved(beforeNs: bigint): void {
    for (const unit of this.#units.values()) {
      if (unit.removedAtNs !== undefined && unit.removedAtNs < beforeNs) this.#forget(unit);
    }
  }

  /** Forgets all: nothing of it is shown any more. */
  forgetAll(): void {
    for (const unit of this.#units.values()) this.#forget(unit);
  }

  /** The units of which something was counted. */
  counted(): UnitRecord[] {
    return [...this.#units.values()].filter((unit) => unit.hasCounters);
  }

  /** Goes on counting where the container's last incarnation stopped. */
  inherit(counted: readonly UnitRecord[]): void {
    for (const old of counted) this.obtain(old.name)?.inherit(old, this.#labels);
  }

  /** Nothing of it is true any more: systemd is not running. Counters stay. */
  unloadAll(): void {
    for (const unit of this.#units.values()) this.unload(unit);
  }

  /** The container has other labels now. */
  relabel(containerLabels: LabelSet): void {
    this.#labels = containerLabels;
    for (const unit of this.#units.values()) unit.relabel(containerLabels);
  }

  /** Names of the units that a listing says are active, and that are loaded as far as is known. */
  activeAmong(rows: readonly UnitRow[]): Set<string> {
    const names = new Set<string>();
    for (const { name, activeState } of rows) {
      if (activeState === "active" && this.get(name)?.activeState !== undefined) names.add(name);
    }
    return names;
  }

  /** Loaded units that a complete listing lacks: they are gone. */
  missingFrom(rows: readonly UnitRow[]): UnitRecord[] {
    const listed = new Set(rows.map((row) => row.name));
    return [...this.#units.values()].filter(
      (unit) => unit.activeState !== undefined && !listed.has(unit.name),
    );
  }

  #forget(unit: UnitRecord): void {
    this.#units.delete(unit.name);
    if (unit.hasSeries) this.#admission.series.give(UNIT_SERIES);
  }

  #count(state: ActiveState, by: 1 | -1): void {
    this.#counts.set(state, (this.#counts.get(state) ?? 0) + by);
  }
}
