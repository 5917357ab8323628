import type { ContainerIdentity, ContainerStatus, HealthStatus } from "./container.ts";
import type { JournalPosition } from "./journal.ts";
import type { RecentResume, UnitRecentResume } from "./recent.ts";

/** The facts of one container that the next process goes on from. Times: Unix nanoseconds. */
export interface ContainerResume {
  readonly identity: ContainerIdentity;
  readonly status: ContainerStatus;
  readonly health: HealthStatus | undefined;
  readonly startedAtNs: bigint;
  readonly finishedAtNs: bigint;
  readonly lastExitCode: number | undefined;
  /** Last exit of an earlier container with its name, if it has none itself. */
  readonly earlierExit?:
    | { readonly exitCode: number | undefined; readonly finishedAtNs: bigint }
    | undefined;
  readonly restartsSeen: number | undefined;
  readonly oom: "none" | "event" | "inferred";
  readonly runsSystemd: boolean | undefined;
  /** As in its details; absent if the engine reports none. */
  readonly process?: string | undefined;
  /** Its runs; the name is that of the stored JSON. */
  readonly lives: RunsResume;
  /** The position of its systemd; only `JournalCursor` reads it. */
  readonly systemd: string | undefined;
  /** Where its journal is followed from; undefined if it isn't. */
  readonly journal?: JournalPosition | undefined;
  /** Recent events; undefined without any. */
  readonly recent?: RecentResume | undefined;
  /** Its user managers; undefined without any. */
  readonly users?: readonly UserResume[] | undefined;
}

/** The facts of one user manager. */
export interface UserResume {
  /** User id, decimal. */
  readonly user: string;
  /** As {@link ContainerResume.systemd}. */
  readonly systemd?: string | undefined;
  /** Recent events of its units. */
  readonly units: readonly UnitRecentResume[];
}

/** The runs of a container that were counted. */
export interface RunsResume {
  /** Runs counted as begun, less those counted as ended. */
  readonly open: number;
  /** Time of the newest start that was counted. */
  readonly lastStartNs: bigint;
  /** Policy restarts that were counted, less starts that were. */
  readonly unmatched: number;
}

/** Position of a process in the engine's stream of events. */
export interface CursorResume {
  /** When watching began: what happened before is no change. */
  readonly beginNs: bigint;
  /** Time of the newest event seen. */
  readonly lastNs: bigint;
  /** Keys of the newest events seen, oldest first: more than the engine can repeat. */
  readonly seen: readonly string[];
  /** Number of events seen in all: shows how many of the keys are new since the last resume. */
  readonly count: number;
  /** False if the engine's containers were never listed: there is only the host to go on from. */
  readonly isListed?: boolean | undefined;
}

/** State that a process keeps for the next one. */
export interface Resume {
  readonly cursor: CursorResume;
  readonly containers: readonly ContainerResume[];
}
