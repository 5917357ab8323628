import { BoundedMap } from "../../platform/data/bounded-map.ts";
import type { SeriesBudget } from "./series-budget.ts";

/** Decides about units: the filters, and the budget of series. */
export interface UnitAdmission {
  /** Returns true if the include and exclude expressions let the unit be shown. */
  shown(name: string): boolean;
  readonly series: SeriesBudget;
  /** Names of units that are shown whatever their Id: they are resolved in each systemd. Default: none. */
  readonly names?: readonly string[];
}

/** Names whose answer is cached: units have the same names in most containers. */
const MAX_CACHED = 20_000;

/**
 * Makes an admission that shows the units whose names match `include` and don't match `exclude`.
 * The caller has anchored both.
 */
export function unitAdmission(
  include: RegExp,
  exclude: RegExp,
  series: SeriesBudget,
): UnitAdmission {
  return { series, shown: unitFilter(include, exclude) };
}

/** Returns whether the include and exclude expressions, which are anchored, let a unit be shown. */
export function unitFilter(include: RegExp, exclude: RegExp): (name: string) => boolean {
  const cache = new BoundedMap<string, boolean>(MAX_CACHED);
  return (name) => {
    let shown = cache.get(name);
    if (shown === undefined) {
      shown = include.test(name) && !exclude.test(name);
      cache.set(name, shown);
    }
    return shown;
  };
}
