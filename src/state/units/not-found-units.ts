import type { UnitSignal } from "../../domain/systemd.ts";
import type { ActiveState } from "../../domain/unit.ts";
import { isAutoRestart } from "./unit-facts.ts";
import type { UnitFacts } from "./unit-facts.ts";
import { MAX_UNITS_PER_CONTAINER } from "./unit-table.ts";

/**
 * Holds the units that systemd calls `not-found`: something refers to them, or they ran when their
 * file was deleted. They have no record, and so no series and no events; systemd counts the failed
 * ones among them all the same when it calls the system degraded.
 */
export class NotFoundUnits {
  readonly #states = new Map<string, ActiveState>();
  #failed = 0;

  /** Number of failed ones. */
  get failed(): number {
    return this.#failed;
  }

  has(name: string): boolean {
    return this.#states.has(name);
  }

  /** Adds a unit, or updates its state; returns false if there are too many. */
  set(name: string, activeState: ActiveState): boolean {
    const before = this.#states.get(name);
    if (before === undefined && this.#states.size >= MAX_UNITS_PER_CONTAINER) return false;
    if (before === "failed") this.#failed -= 1;
    if (activeState === "failed") this.#failed += 1;
    this.#states.set(name, activeState);
    return true;
  }

  /** Returns true if it was one of them. */
  delete(name: string): boolean {
    if (this.#states.get(name) === "failed") this.#failed -= 1;
    return this.#states.delete(name);
  }

  clear(): void {
    this.#states.clear();
    this.#failed = 0;
  }

  /**
   * Folds in a signal of one of them. Signals don't carry LoadState, but systemd starts no unit that
   * it can't find: one that starts was loaded meanwhile. Returns true, and removes the unit, if so.
   */
  isFoundBy(signal: UnitSignal): boolean {
    const { unit, activeState } = signal;
    if (isStart(this.#states.get(unit), signal)) return this.delete(unit);
    this.set(unit, activeState);
    return false;
  }
}

/** Returns true if a unit that was in the state `before` must have been started to be as it is `now`. */
export function isStart(
  before: ActiveState | undefined,
  now: Pick<UnitFacts, "activeState" | "subState">,
): boolean {
  if (before !== "inactive" && before !== "failed") return false;
  if (now.activeState === "activating") return !isAutoRestart(now.subState);
  return now.activeState === "active";
}
