import {
  type ActiveState,
  type FrozenState,
  type LoadFault,
  RARE_ACTIVE_STATES,
} from "../../domain/unit.ts";
import type { SeriesBudget } from "./series-budget.ts";

/**
 * Series that few units or containers have, and for a time: a further result of failures, another exit code.
 * Each takes room when it comes about, and is shown only if there was room then: true.
 */
export type ExtraSeries = ReadonlyMap<string, boolean>;

const RARE: ReadonlySet<ActiveState> = new Set<ActiveState>(RARE_ACTIVE_STATES);
const NO_KEYS: readonly string[] = [];

/** Returns the extra series of `keys`: takes room for new ones, and releases that of those that have ended. */
export function fitExtras(
  keys: readonly string[],
  known: ExtraSeries | undefined,
  series: Pick<SeriesBudget, "take" | "give">,
): ExtraSeries | undefined {
  if (keys.length === 0 && known === undefined) return undefined;
  const fitted = new Map(keys.map((key) => [key, known?.get(key) ?? series.take(1)]));
  for (const [key, hasRoom] of known ?? []) if (hasRoom && !fitted.has(key)) series.give(1);
  return fitted.size === 0 ? undefined : fitted;
}

/** Facts of a unit that have extra series. */
export interface UnitWithExtras {
  readonly activeState: ActiveState | undefined;
  readonly loadFault: LoadFault | undefined;
  readonly frozenState: FrozenState | undefined;
  readonly failures: ReadonlyMap<string, number>;
  readonly counters: { readonly oomKills: number };
}

/** Returns the keys of a unit's extra series. */
export function extraKeys(unit: UnitWithExtras): readonly string[] {
  const { activeState, loadFault, frozenState, failures, counters } = unit;
  const isRare = activeState !== undefined && RARE.has(activeState);
  const isFaulty = activeState !== undefined && loadFault !== undefined;
  const isFrozen = frozenState !== undefined;
  const isKilled = counters.oomKills > 0;
  // Next to no unit has any: each signal leads here.
  if (!isRare && !isFaulty && !isFrozen && !isKilled && failures.size < 2) return NO_KEYS;
  return [
    ...(isRare ? ["rare-state"] : []),
    ...(isFaulty ? ["load-state"] : []),
    ...(isFrozen ? ["freezer-state"] : []),
    ...(isKilled ? ["oom-kills"] : []),
    ...[...failures.keys()].slice(1).map(failureKey),
  ];
}

/** Returns the key of failures with a result. The first result of a unit is no extra series. */
export function failureKey(result: string): string {
  return `failures ${result}`;
}
