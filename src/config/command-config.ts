import type { EventKind } from "../domain/event.ts";
import type { WaitGoal } from "../domain/wait-goal.ts";
import type { WatchConfig } from "./config.ts";

/** What `unitwatch wait` is told, checked and frozen. */
export interface WaitConfig extends WatchConfig, WaitGoal {
  /** undefined: for ever. */
  readonly timeoutMs: number | undefined;
  readonly keepWaiting: boolean;
  readonly quiet: boolean;
}

/** What `unitwatch events` is told, checked and frozen. */
export interface EventsConfig extends WatchConfig {
  /** Names, ids or patterns of names; none: all. */
  readonly containers: readonly string[];
  /** Names of units or patterns of them; none: all, and what is of no unit too. */
  readonly units: readonly string[];
  /** None: all. */
  readonly kinds: readonly EventKind[];
  readonly json: boolean;
}
