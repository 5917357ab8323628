import type { LabelSet } from "../domain/label-set.ts";
import type { ActiveState, UnitRow } from "../domain/unit.ts";
import { UnitRecord } from "./unit-record.ts";

/** What the state must know of a unit's name: whether it is shown, and its place in the bound. */
export interface UnitAdmission {
  /** True where the include and exclude expressions let the unit be shown. */
  shown(name: string): boolean;
}

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
    const made = new UnitRecord(name, this.#admission.shown(name), this.#labels);
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
    }
    unit.subState = subState;
  }

  /** Takes a unit's state away: it is no longer loaded. Its counters stay. */
  unload(unit: UnitRecord): void {
    if (unit.activeState !== undefined) this.#count(unit.activeState, -1);
    unit.unload();
    if (!unit.hasCounters) this.#units.delete(unit.name);
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

  /** Loaded units that a complete listing lacks: they are gone. */
  missingFrom(rows: readonly UnitRow[]): UnitRecord[] {
    const listed = new Set(rows.map((row) => row.name));
    return [...this.#units.values()].filter(
      (unit) => unit.activeState !== undefined && !listed.has(unit.name),
    );
  }

  #count(state: ActiveState, by: 1 | -1): void {
    this.#counts.set(state, (this.#counts.get(state) ?? 0) + by);
  }
}
