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

/** Returns a unit name's suffix without the dot: `service` of `a.service`; "" if it has none. */
export function unitType(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot < 0 ? "" : name.slice(dot + 1);
}

/** One row of ListUnits, as far as it is needed. */
export interface UnitRow {
  readonly name: string;
  readonly activeState: ActiveState;
  readonly subState: string;
}
