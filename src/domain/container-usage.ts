/** Use of its host by a container at a moment, with its limits. undefined: unknown. */
export interface ContainerUsage {
  /** All memory, with caches, in bytes. */
  readonly memory: number | undefined;
  /** Memory without the caches that the kernel frees first, in bytes. */
  readonly workingSet: number | undefined;
  /** In bytes; 0 without a limit. */
  readonly memoryLimit: number | undefined;
  /** CPU time since the container started, in seconds. */
  readonly cpuSeconds: number | undefined;
  /** Threads of all its processes: the pids of its cgroup. */
  readonly threads: number | undefined;
  /** 0 without a limit. */
  readonly threadsMax: number | undefined;
}

/** Most series of {@link ContainerUsage} of a container. */
export const USAGE_SERIES = 6;

/** Processes that the kernel killed in a container for lack of memory, since its cgroup was made. */
export interface OomKillCounts {
  readonly killed: number;
  /** Times that it killed all processes of a cgroup at once; each of them is in `killed` too. */
  readonly groups: number;
}

/** The kernel's own greatest number of bytes, which stands for no limit, is just below 2^63. */
const NO_LIMIT = 2 ** 62;

/** Returns a limit as {@link ContainerUsage} has it: 0 for a number that stands for none. */
export function limitOf(value: number): number {
  return value >= NO_LIMIT ? 0 : value;
}

/** Returns the working set as cAdvisor and the kubelet have it. */
export function workingSetOf(
  memory: number | undefined,
  inactiveFile: number | undefined,
): number | undefined {
  if (memory === undefined || inactiveFile === undefined) return undefined;
  return Math.max(0, memory - inactiveFile);
}
