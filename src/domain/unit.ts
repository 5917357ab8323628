/** ActiveState words that are always shown, in the order of systemd_exporter. */
export const ACTIVE_STATES = [
  "active",
  "activating",
  "deactivating",
  "failed",
  "inactive",
] as const;
/** ActiveState words that are shown only while a unit is in them. */
export const RARE_ACTIVE_STATES = ["reloading", "refreshing", "maintenance"] as const;
export type ActiveState = (typeof ACTIVE_STATES)[number] | (typeof RARE_ACTIVE_STATES)[number];

const KNOWN: ReadonlySet<string> = new Set([...ACTIVE_STATES, ...RARE_ACTIVE_STATES]);

/** Returns true for the words that org.freedesktop.systemd1.Unit.ActiveState can have (systemd ≤ 257). */
export function isActiveState(word: unknown): word is ActiveState {
  return typeof word === "string" && KNOWN.has(word);
}

/** Longest unit name that systemd accepts (UNIT_NAME_MAX, NUL included); a longer one is forged. */
export const MAX_UNIT_NAME_BYTES = 256;

/** Most names of units that a command can request: each is a call of systemd. */
export const MAX_UNIT_NAMES = 1_000;

/** Returns a unit name's suffix without the dot: `service` of `a.service`; "" if it has none. */
export function unitType(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot < 0 ? "" : name.slice(dot + 1);
}

/** LoadState words of units that are shown though systemd couldn't, or mustn't, load them. */
export const BAD_LOAD_STATES = ["error", "bad-setting", "masked"] as const;
/** LoadState of a unit that isn't loaded as it should be. */
export type LoadFault = (typeof BAD_LOAD_STATES)[number] | "not-found";

/** Returns the fault that a LoadState is; undefined for `loaded`, and for words that systemd doesn't have. */
export function loadFaultOf(word: unknown): LoadFault | undefined {
  return word === "not-found" ? word : BAD_LOAD_STATES.find((known) => known === word);
}

/** FreezerState words of a unit that isn't `running`. */
const FROZEN_STATES = [
  "freezing",
  "frozen",
  "thawing",
  "freezing-by-parent",
  "frozen-by-parent",
] as const;
export type FrozenState = (typeof FROZEN_STATES)[number];

/** Returns a FreezerState; undefined for `running`, and for words that systemd doesn't have. */
export function frozenStateOf(word: unknown): FrozenState | undefined {
  return word === "running" ? undefined : FROZEN_STATES.find((known) => known === word);
}

/** One row of ListUnits, as far as it is needed. */
export interface UnitRow {
  readonly name: string;
  /** LoadState; absent if it is loaded. */
  readonly loadFault?: LoadFault | undefined;
  readonly activeState: ActiveState;
  readonly subState: string;
}
