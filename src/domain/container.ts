/** Container status words of the engine (`State.Status` of inspect), in the order they are shown. */
export const CONTAINER_STATUSES = [
  "created",
  "running",
  "paused",
  "restarting",
  "removing",
  "exited",
  "dead",
] as const;
export type ContainerStatus = (typeof CONTAINER_STATUSES)[number];

/** Health check words of the engine (`State.Health.Status`), "none" left out. */
export const HEALTH_STATUSES = ["starting", "healthy", "unhealthy"] as const;
export type HealthStatus = (typeof HEALTH_STATUSES)[number];

/**
 * Facts that nothing reports of some containers: without an engine, the host doesn't show how a container
 * exits, nor that a policy restarts it, nor, with cgroup v1, that a process was killed for its memory.
 */
export type UnknownFact = "exit-code" | "restarts" | "oom";

/** Identity of a container: the labels of all its series and records. */
export interface ContainerIdentity {
  /** Full id, 64 hex digits; without an engine it can be another text. */
  readonly id: string;
  /** Full name, without the engine's leading slash. */
  readonly name: string;
  /** Short node name; the container's name if no label gives a shorter one. */
  readonly node: string;
  /** Cluster by the labels; "" if none has it. */
  readonly cluster: string;
  /** Image that the container was created with. */
  readonly image: string;
  /** Name of the engine or, without one, of the container's runtime: `docker`, `podman`, `lxc`. */
  readonly runtime: string;
  /**
   * True for the host itself, whose systemd is a node without a container: `name` and `node` are the
   * host's name, and cluster, image and runtime are "".
   */
  readonly isHost?: true | undefined;
  /** Facts that stay unknown of it, and are absent wherever they are shown. Default: none. */
  readonly unknown?: readonly UnknownFact[] | undefined;
  /**
   * Of a user manager, a systemd beside that of the container or host: its user id, decimal. The other
   * members are those of the container or host.
   */
  readonly user?: string | undefined;
}

/** One container in the engine's list, checked and bounded. */
export interface ContainerSummary {
  readonly identity: ContainerIdentity;
  readonly status: ContainerStatus;
}

/**
 * One container as inspect shows it, checked and bounded. Times are Unix nanoseconds, 0n if
 * the engine gives its zero time (never started, never finished).
 */
export interface ContainerDetails {
  readonly identity: ContainerIdentity;
  readonly status: ContainerStatus;
  readonly health: HealthStatus | undefined;
  readonly createdAtNs: bigint;
  readonly startedAtNs: bigint;
  readonly finishedAtNs: bigint;
  /** undefined if it is unknown. */
  readonly exitCode: number | undefined;
  readonly oomKilled: boolean;
  /** True if its last run ended by a request to the engine; only podman's command reports it. */
  readonly stoppedByUser?: boolean;
  /** Restarts by the restart policy since the last manual start. */
  readonly restartCount: number;
  /** PID 1 on the engine's host; 0 if it doesn't run. */
  readonly pid: number;
  /** Text that is of this run's PID 1 alone, in all boots of the host; absent if only its times show a run. */
  readonly process?: string | undefined;
  /** Limit of its memory in bytes; absent without one. */
  readonly memoryLimitBytes?: number;
  /** True if PID 1 is systemd, by init path, stop signal or label: no process is started in it to find out. */
  readonly runsSystemd: boolean;
}
