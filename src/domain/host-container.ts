/** A container as the cgroup's path of its processes names it. Pure text: nothing of it was checked. */
export interface CgroupContainer {
  /**
   * Name of the runtime by the path: `docker`, `podman`, `containerd`, `cri-o`, `lxc`, `incus`,
   * `nspawn`, …
   */
  readonly runtime: string;
  /** Id of the runtime; where it has none, a text that no other container of the host has. */
  readonly id: string;
  /** Name that the path has; absent if it has the id alone. */
  readonly name?: string | undefined;
  /** Uid of the pod, with dashes; absent outside of Kubernetes. */
  readonly podUid?: string | undefined;
  /** Path of the container's own cgroup: all below is the container's. It begins with `/`. */
  readonly path: string;
}

/**
 * Returns the outermost container that the path of a cgroup, from the hierarchy's root on, names;
 * undefined if it names none. What a container makes below its own cgroup never matters.
 */
export type ContainerOfPath = (path: string) => CgroupContainer | undefined;

/** A running container as the host's /proc and cgroups show it. */
export interface HostContainer extends CgroupContainer {
  /** PID 1 of the container, in the host's pid namespace. */
  readonly pid: number;
  /** Start of that process: Unix nanoseconds. */
  readonly startedAtNs: bigint;
  /**
   * The process that started PID 1, outside of the container: a shim, conmon, a monitor; 0 if there is
   * none any more. It is proof of the container's id if root runs it, and its arguments have the id.
   */
  readonly parent: number;
  /** True if the parent is that proof. */
  readonly isProven: boolean;
}

/** Facts that a registry has of a container. Every text is bounded. */
export interface ContainerDescription {
  /** Full name, which no other container of the registry has at this time. */
  readonly name: string;
  /** "" if unknown. */
  readonly image: string;
  /** Labels of the runtime, from which cluster and node are taken. */
  readonly labels: ReadonlyMap<string, string>;
  /** Short node name, in place of the one by the labels. */
  readonly node?: string | undefined;
  /** Cluster, in place of the one by the labels. */
  readonly cluster?: string | undefined;
  /** Runtime, if it is known better than by the path. */
  readonly runtime?: string | undefined;
  /** True if it isn't shown: the sandbox of a pod. */
  readonly isHidden?: boolean | undefined;
}

/** How a container ended, as far as a registry knows. */
export interface ContainerEnd {
  /** undefined if unknown. */
  readonly exitCode: number | undefined;
  /** Unix nanoseconds; 0n if unknown. */
  readonly finishedAtNs: bigint;
  /** True if the runtime says that it ran out of memory. */
  readonly isOutOfMemory: boolean;
}

/**
 * A place that knows names of containers: the state files of a runtime, or its CRI socket. It must
 * only describe a container whose PID 1 is the given one, or that it knows by an id which no container
 * can take: the cgroup's path alone is not proof.
 */
export interface ContainerRegistry {
  /** Name for logs: `cri`, `docker files`. */
  readonly name: string;
  /** True for the containers that it can know. It reads nothing. */
  concerns(container: CgroupContainer): boolean;
  /**
   * Returns the container's description; undefined if it doesn't know the container, or not yet. The
   * caller repeats the call some times while a container is new, and after `changed`.
   */
  describe(
    container: HostContainer,
    signal: AbortSignal,
  ): Promise<ContainerDescription | undefined>;
  /**
   * Returns how a container ended that isn't seen any more; undefined if that isn't known soon. The
   * caller waits for a second at most. Absent if the registry never knows.
   */
  end?(container: HostContainer, signal: AbortSignal): Promise<ContainerEnd | undefined>;
  /**
   * Returns true if a container that isn't seen any more still exists, stopped; its counters then go on.
   * `changed` is called when it doesn't any more. Returns undefined if that isn't known; absent if the
   * registry never knows.
   */
  keeps?(container: HostContainer): Promise<boolean | undefined>;
  /** Releases what the registry keeps of a container. Absent if it keeps nothing. */
  forget?(id: string): void;
  /**
   * Follows the registry until `signal` aborts, and never rejects. `changed` is called with the id of a
   * container whose description may differ from now on. Absent if nothing notifies of that.
   */
  run?(changed: (id: string) => void, signal: AbortSignal): Promise<void>;
}
