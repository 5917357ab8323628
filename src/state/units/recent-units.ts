import { endsOf, RECENT_MS } from "../../domain/recent.ts";
import type { UnitRecentResume } from "../../domain/recent.ts";
import type { UnitRecord } from "./unit-record.ts";

/** Units of a container whose recent events the next process restores: those with the newest. */
export const MAX_RECENT_UNITS = 64;

/** Keeps what is recent of a container's shown units across a restart of unitwatch. */
export class RecentUnits {
  /** Units with recent events, those with the newest last. */
  readonly #units = new Set<UnitRecord>();
  /** Events that an earlier process stored, by unit: systemd lists the units later. */
  readonly #restored = new Map<string, UnitRecentResume>();
  readonly #nowNs: () => bigint;

  /** @param nowNs returns the present: Unix nanoseconds */
  constructor(nowNs: () => bigint) {
    this.#nowNs = nowNs;
  }

  /** Adopts what an earlier process stored. */
  restore(units: readonly UnitRecentResume[]): void {
    for (const each of units.slice(0, MAX_RECENT_UNITS)) this.#restored.set(each.unit, each);
  }

  /** Notes that the counters of a unit changed. */
  counted(unit: UnitRecord): void {
    if (!unit.shown) return;
    this.#units.delete(unit);
    this.#units.add(unit);
    const [oldest] = this.#units;
    if (this.#units.size > MAX_RECENT_UNITS && oldest !== undefined) this.#units.delete(oldest);
  }

  /** Adds to a new record what an earlier process stored of the unit. */
  obtained(unit: UnitRecord): void {
    const restored = this.#restored.get(unit.name);
    if (restored === undefined) return;
    unit.counters.restore(restored, this.#nowNs());
    this.counted(unit);
  }

  forgotten(unit: UnitRecord): void {
    this.#units.delete(unit);
  }

  /** Forgets what an earlier process stored: another container continues it. */
  renew(): void {
    this.#restored.clear();
  }

  /** Returns what the next process restores. */
  stored(): UnitRecentResume[] {
    const nowNs = this.#nowNs();
    const stored: UnitRecentResume[] = [];
    const listed = new Set<string>();
    for (const unit of this.#units) {
      const { failures, restarts } = unit.counters.stored(nowNs);
      if (failures.length === 0 && restarts.length === 0) this.#units.delete(unit);
      else stored.push({ unit: unit.name, failures, restarts });
      listed.add(unit.name);
    }
    // systemd has not been read yet, or has these units no more.
    for (const [unit, each] of this.#restored) {
      if (!isRecent(each, nowNs)) this.#restored.delete(unit);
      else if (!listed.has(unit)) stored.push(each);
    }
    return stored.slice(0, MAX_RECENT_UNITS);
  }
}

function isRecent({ failures, restarts }: UnitRecentResume, nowNs: bigint): boolean {
  const sinceMs = Number(nowNs / 1_000_000n) - RECENT_MS;
  return endsOf([...failures, ...restarts]).some((endMs) => endMs > sinceMs);
}
