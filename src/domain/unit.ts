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

/** True for the words that org.freedesktop.systemd1.Unit.ActiveState can have (systemd ≤ 257). */
export function isActiveState(word: unknown): word is ActiveState {
  return typeof word === "string" && KNOWN.has(word);
}

/** Longest unit name that systemd takes (UNIT_NAME_MAX, NUL included); a longer one is a lie. */
export const MAX_UNIT_NAME_BYTES = 256;

/** A unit name's suffix without the dot, "" where there is none: `service` of `a.service`. */
export function unitType(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot < 0 ? "" : name.slice(dot + 1);
}

/** One line of ListUnits, as far as it is needed. */
export interface UnitRow {
  readonly name: string;
  readonly activeState: ActiveState;
  readonly subState: string;
}
