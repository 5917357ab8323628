import type { Change } from "./change.ts";

/** What the state tells while it is changed. Called synchronously; must not throw. */
export interface FleetEvents {
  /** Something happened, and the state shows it already. */
  changed(change: Change): void;
  /** A bound of the state was reached, and something was left out. `what` names the bound. */
  refused(what: string): void;
}
