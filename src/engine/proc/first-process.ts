import type { CgroupContainer } from "../../domain/host-container.ts";
import { parentContainer } from "../registry/parent-container.ts";
import type { CgroupFiles } from "./cgroup-files.ts";
import type { HostProcess, HostProcesses } from "./host-process.ts";

/** The first process of a container, as the host has it. */
export interface FirstProcess {
  readonly process: HostProcess;
  /** True if the container's parent, which the host started, names the container. */
  readonly isProven: boolean;
  /** True if it is PID 1 of a pid namespace of the container. */
  readonly isInit: boolean;
}

/** Processes of one cgroup that can be first ones. */
const MAX_CANDIDATES = 8;

/**
 * Finds the first process of a container: PID 1 of the outermost pid namespace in it. A container without
 * a pid namespace of its own has the oldest of its processes.
 *
 * A container that may write to the host's cgroups can put its processes into another's: the one whose
 * parent names the container is preferred.
 */
export function findFirst(
  files: CgroupFiles,
  match: CgroupContainer,
  processes: HostProcesses,
): FirstProcess | undefined {
  const inits: HostProcess[] = [];
  let oldest: HostProcess | undefined;
  for (const pid of files.pids()) {
    const process = processes.find(pid);
    if (process === undefined) continue;
    if (isInit(process)) {
      if (isProven(process, match, processes)) return { process, isProven: true, isInit: true };
      inits.push(process);
    } else if (oldest === undefined || process.startTicks < oldest.startTicks) {
      oldest = process;
    }
    if (inits.length >= MAX_CANDIDATES) break;
  }
  const process = inits.toSorted((one, other) => depthOf(one) - depthOf(other))[0] ?? oldest;
  if (process === undefined) return undefined;
  return { process, isProven: isProven(process, match, processes), isInit: isInit(process) };
}

/** True if it is the first process of a pid namespace other than the host's. */
function isInit({ pids }: HostProcess): boolean {
  return pids.length > 1 && pids.at(-1) === 1;
}

/** Returns how many pid namespaces it is in. */
function depthOf({ pids }: HostProcess): number {
  return pids.length;
}

/** True if a process of the host's root started this one for the container: its arguments have the id. */
function isProven(
  { parent }: HostProcess,
  { id }: CgroupContainer,
  processes: HostProcesses,
): boolean {
  const starter = parent === 0 ? undefined : processes.find(parent);
  if (starter === undefined || starter.pids.length !== 1 || !processes.isRoot(starter))
    return false;
  const args = processes.argumentsOf(starter);
  return args.includes(id) || parentContainer(args)?.id === id;
}
