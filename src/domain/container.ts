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

/** Who a container is: the labels that every one of its series and records bears. */
export interface ContainerIdentity {
  /** Full id, 64 hex digits. */
  readonly id: string;
  /** Full name, without the engine's leading slash. */
  readonly name: string;
  /** Short node name; the container's name where no label gives a shorter one. */
  readonly node: string;
  /** Cluster that the labels tell; "" where none does. */
  readonly cluster: string;
  /** Image as the container was created with it. */
  readonly image: string;
  /** Name of the engine: `docker`, `podman`. */
  readonly runtime: string;
}

/** What the engine's list says of one container, checked and bounded. */
export interface ContainerSummary {
  readonly identity: ContainerIdentity;
  readonly status: ContainerStatus;
}

/**
 * What inspect says of one container, checked and bounded. Times are Unix nanoseconds, 0n where
 * the engine gives its zero time (never started, never finished).
 */
export interface ContainerDetails {
  readonly identity: ContainerIdentity;
  readonly status: ContainerStatus;
  readonly health: HealthStatus | undefined;
  readonly createdAtNs: bigint;
  readonly startedAtNs: bigint;
  readonly finishedAtNs: bigint;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** Restarts by the restart policy since the last manual start. */
  readonly restartCount: number;
  /** True where PID 1 is systemd: told by init path, stop signal or label (never by looking in). */
  readonly runsSystemd: boolean;
}
