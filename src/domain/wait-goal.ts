import type { HealthStatus } from "./container.ts";
import type { SystemState } from "./systemd.ts";
import type { ActiveState } from "./unit.ts";

/** Wanted states of a unit; any of them will do. */
export interface UnitCondition {
  readonly unit: string;
  readonly states: readonly ActiveState[];
}

/** Goal of `unitwatch wait`. All of it has to hold, in every container that it names. */
export interface WaitGoal {
  /** Names, ids, or starts of ids; none: every container that is watched, and at least one. */
  readonly containers: readonly string[];
  /** Whether the host's own systemd is part of the goal: beside containers, or without any. */
  readonly host: "none" | "too" | "alone";
  readonly units: readonly UnitCondition[];
  /** Any of them will do; undefined: not part of the goal. */
  readonly system: readonly SystemState[] | undefined;
  /** Any of them will do; undefined: not part of the goal. */
  readonly health: readonly HealthStatus[] | undefined;
}
