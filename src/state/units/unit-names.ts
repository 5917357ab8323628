import type { UnitIds } from "../../domain/systemd.ts";
import type { UnitOutcome } from "./unit-facts.ts";

/** Most changes that wait for the names of their units. */
const MAX_HELD = 1_000;

/** A change of a unit. */
interface UnitHappening {
  readonly unit: string;
  readonly outcome: UnitOutcome;
}

/**
 * The unit names that a command requests, and the units that they stand for in one systemd: it lists
 * units by their Id, and a name can be an alias of another unit.
 */
export class UnitNames {
  /** Names that are to be resolved. */
  readonly wanted: readonly string[];
  /** Id by name; undefined if no such unit is loaded. */
  #ids: UnitIds = new Map();
  /** Units that were loaded since names were resolved: a name may stand for them by now. */
  readonly #loaded = new Set<string>();
  /** Changes of these, in order. */
  #held: UnitHappening[] = [];

  constructor(wanted: readonly string[]) {
    this.wanted = wanted;
  }

  /**
   * Adopts the answers of systemd; names that are missing aren't known any more. Returns the changes
   * that waited for them, of units for which a name stands.
   */
  resolved(ids: UnitIds): readonly UnitHappening[] {
    this.#ids = ids;
    const held = this.#held;
    this.#held = [];
    this.#loaded.clear();
    return held.filter(({ unit }) => this.aliasesOf(unit).length > 0);
  }

  /** A unit was loaded. */
  loaded(unit: string): void {
    const isOpen = this.wanted.some((name) => this.#ids.get(name) === undefined);
    if (isOpen && this.#loaded.size < MAX_HELD) this.#loaded.add(unit);
  }

  /** Keeps a change of a unit until names are resolved. Returns false if there is no room for it. */
  hold(unit: string, outcome: UnitOutcome): boolean {
    if (!this.#loaded.has(unit)) return true;
    if (this.#held.length >= MAX_HELD) return false;
    this.#held.push({ unit, outcome });
    return true;
  }

  /** Returns false while it isn't known which unit the name stands for. */
  isKnown(name: string): boolean {
    return this.#ids.has(name) || !this.wanted.includes(name);
  }

  /** Returns the Id of the unit with this name: the name itself if it is no alias, or isn't loaded. */
  idOf(name: string): string {
    return this.#ids.get(name) ?? name;
  }

  /** Returns the aliases among the wanted names that stand for this unit. */
  aliasesOf(id: string): string[] {
    return this.wanted.filter((name) => name !== id && this.#ids.get(name) === id);
  }
}
