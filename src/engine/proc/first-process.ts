import type { CgroupContainer } from "../../domain/host-container.ts";
import { parentContainer } from "../registry/parent-container.ts";
import type { CgroupFiles } from "./cgroup-files.ts";
import type { HostProcess, HostProcesses } from "./host-process.ts";

/** The first process of a container, as the host has it. */
export interface FirstProcess {
  readonly process: HostProcess;
  /** True if the container's parent, which the host started, names the container. */
  readonly isProven: boolean;
}

/** Processes of one cgroup that can be first ones. */
const MAX_CANDIDATES = 8;

/**
 * Finds the first process of a container: the one that is PID 1 of a pid namespace right below the
 * host's. A container without such a namespace has the oldest of its processes whose parent is outside.
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
    if (isFirst(process)) inits.push(process);
    else if (oldest === undefined || process.startTicks < oldest.startTicks) oldest = process;
    if (inits.length === 1 && inits[0] !== undefined && isProven(inits[0], match, processes)) {
      return { process: inits[0], isProven: true };
    }
    if (inits.length >= MAX_CANDIDATES) break;
  }
  const proven = inits.find((process) => isProven(process, match, processes));
  if (proven !== undefined) return { process: proven, isProven: true };
  const process = inits[0] ?? oldest;
  return process && { process, isProven: isProven(process, match, processes) };
}

/** True if it is the first process of a pid namespace that the host's is the parent of. */
export function isFirst({ pids }: HostProcess): boolean {
  return pids.length === 2 && pids[1] === 1;
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
