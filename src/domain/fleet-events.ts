import type { Change } from "./change.ts";

/** Port through which state emits while it is changed. Called synchronously; must not throw. */
export interface FleetEvents {
  /** Emits a change that the state shows already. */
  changed(change: Change): void;
  /** Reports that a bound was reached and something was left out. `stage` names the bound. */
  refused(stage: string): void;
}
