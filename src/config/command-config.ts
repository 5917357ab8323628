import type { HealthStatus } from "../domain/container.ts";
import type { EventKind } from "../domain/event.ts";
import type { SystemState } from "../domain/systemd.ts";
import type { UnitCondition } from "./command-values.ts";
import type { WatchConfig } from "./config.ts";

/** What `unitwatch wait` is told, checked and frozen. */
export interface WaitConfig extends WatchConfig {
  /** Names or ids; none: all that the filters let through. */
  readonly containers: readonly string[];
  readonly units: readonly UnitCondition[];
  /** Any of them will do; undefined: it isn't asked for. */
  readonly system: readonly SystemState[] | undefined;
  /** The same. */
  readonly health: readonly HealthStatus[] | undefined;
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
