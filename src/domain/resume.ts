import type { ContainerIdentity, ContainerStatus, HealthStatus } from "./container.ts";

/** What was known of one container, for the next process to go on from. Times: Unix nanoseconds. */
export interface ContainerResume {
  readonly identity: ContainerIdentity;
  readonly status: ContainerStatus;
  readonly health: HealthStatus | undefined;
  readonly startedAtNs: bigint;
  readonly finishedAtNs: bigint;
  readonly lastExitCode: number | undefined;
  readonly restartsSeen: number | undefined;
  readonly oom: "none" | "event" | "inferred";
  readonly runsSystemd: boolean | undefined;
  /** Its runs; the name is that of the stored JSON. */
  readonly lives: RunsResume;
  /** What the systemd side wants to find again; only it can read it. */
  readonly systemd: string | undefined;
}

/** Which of a container's lives were counted. */
export interface RunsResume {
  /** Lives counted as begun, less those counted as ended. */
  readonly open: number;
  /** Time of the newest start that was counted. */
  readonly lastStartNs: bigint;
  /** Policy restarts that were counted, less starts that were. */
  readonly unmatched: number;
}

/** Where in the engine's stream of events a process was. */
export interface CursorResume {
  /** When watching began: what happened before is no change. */
  readonly beginNs: bigint;
  /** Time of the newest event seen. */
  readonly lastNs: bigint;
  /** Keys of the newest events seen, oldest first: of more than the engine can tell again. */
  readonly seen: readonly string[];
  /** How many events it saw in all: how many of the keys are new since it was asked last. */
  readonly count: number;
}

/** What a process left for the next one. */
export interface Resume {
  readonly cursor: CursorResume;
  readonly containers: readonly ContainerResume[];
}
