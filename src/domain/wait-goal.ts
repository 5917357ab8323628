import type { HealthStatus } from "./container.ts";
import type { SystemState } from "./systemd.ts";
import type { ActiveState } from "./unit.ts";

/** What a unit is to be: in one of the states. */
export interface UnitCondition {
  readonly unit: string;
  readonly states: readonly ActiveState[];
}

/** What is waited for. All of it has to hold, in every container that it is about. */
export interface WaitGoal {
  /** Names, ids, or beginnings of ids; none: every container that is watched, and one at the least. */
  readonly containers: readonly string[];
  readonly units: readonly UnitCondition[];
  /** Any of them will do; undefined: it isn't asked for. */
  readonly system: readonly SystemState[] | undefined;
  /** The same. */
  readonly health: readonly HealthStatus[] | undefined;
}
