import type { ContainerPlainChange } from "../../domain/change.ts";
import type { HealthStatus } from "../../domain/container.ts";
import type { EventKind } from "../../domain/event.ts";

/** When something happened: Unix nanoseconds; and whether it was missed then. */
export interface Occurrence {
  readonly timeNs: bigint;
  readonly recovered: boolean;
}

interface PlainOutcome extends Occurrence {
  readonly kind: Exclude<ContainerPlainChange["kind"], "container.restart" | "container.oom">;
}

interface OomOutcome extends Occurrence {
  readonly kind: typeof EventKind.ContainerOom;
  /** Kills that it stands for. Default: 1. */
  readonly kills?: number;
}

interface DieOutcome extends Occurrence {
  readonly kind: typeof EventKind.ContainerDie;
  /** undefined if it is lost, or the engine gave none. */
  readonly exitCode: number | undefined;
}

interface RestartOutcome extends Occurrence {
  readonly kind: typeof EventKind.ContainerRestart;
  /** Number of policy restarts, this one included. */
  readonly restartCount: number;
}

interface HealthOutcome extends Occurrence {
  readonly kind: typeof EventKind.ContainerHealth;
  readonly health: HealthStatus;
}

/** A change of a container that one input shows. */
export type ContainerOutcome =
  | PlainOutcome
  | OomOutcome
  | DieOutcome
  | RestartOutcome
  | HealthOutcome;
