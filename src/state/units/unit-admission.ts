import type { SeriesBudget } from "./series-budget.ts";
import type { UnitAdmission } from "./unit-table.ts";
import { BoundedMap } from "../../platform/data/bounded-map.ts";

/** Names whose answer is kept: units have the same names in most containers. */
const MAX_KNOWN = 20_000;

/**
 * Shows the units whose names `include` matches and `exclude` doesn't. Both are anchored by whoever
 * made them.
 */
export function unitAdmission(
  include: RegExp,
  exclude: RegExp,
  series: SeriesBudget,
): UnitAdmission {
  const known = new BoundedMap<string, boolean>(MAX_KNOWN);
  return {
    series,
    shown(name) {
      let shown = known.get(name);
      if (shown === undefined) {
        shown = include.test(name) && !exclude.test(name);
        known.set(name, shown);
      }
      return shown;
    },
  };
}
