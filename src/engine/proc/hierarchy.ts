import { existsSync, readFileSync } from "node:fs";
import { type CgroupMount, cgroupMounts } from "../format/cgroup-mounts.ts";

/** A hierarchy of cgroups, whole: its folder is the root that all cgroups of the host are below. */
export interface Hierarchy {
  /** 1: containers are found by a hierarchy of cgroup v1. */
  readonly version: 1 | 2;
  /** Folder of its root. */
  readonly root: string;
  /** Root of the hierarchy of v1's freezer; undefined with v2, and if it isn't mounted. */
  readonly freezer?: string | undefined;
  /** Root of a cgroup v2 beside v1, which reports what ends; undefined with v2, and without one. */
  readonly unified?: string | undefined;
}

/** No mount shows every cgroup of the host. */
export class HierarchyError extends Error {
  override readonly name = "HierarchyError";
}

/** Hierarchies of v1 in which runtimes put each container, the best first. */
const V1_HIERARCHIES = ["name=systemd", "pids", "cpu", "memory"] as const;
const MOUNTS = "/proc/self/mountinfo";

/**
 * Finds the host's hierarchy of cgroups among the mounts of this process, wherever it is mounted. A mount
 * that shows only a part, as in a container with a cgroup namespace of its own, is no such hierarchy.
 *
 * @throws HierarchyError if there is none
 */
export function findHierarchy(mountinfo = readFileSync(MOUNTS, "utf8")): Hierarchy {
  const mounts = cgroupMounts(mountinfo).filter(isWhole);
  const v1 = (name: string): string | undefined =>
    mounts.find(({ version, options }) => version === 1 && options.has(name))?.folder;
  const unified = mounts.find(({ version }) => version === 2)?.folder;
  for (const name of V1_HIERARCHIES) {
    const root = v1(name);
    if (root !== undefined) return { version: 1, root, freezer: v1("freezer"), unified };
  }
  if (unified !== undefined) return { version: 2, root: unified };
  throw new HierarchyError(
    "no mount shows the cgroups of the host: expected its /sys/fs/cgroup, mounted whole",
  );
}

/** The root alone has the one file, and lacks the other, whatever a namespace calls root. */
function isWhole({ version, folder }: CgroupMount): boolean {
  if (version === 1) return existsSync(`${folder}/release_agent`);
  return existsSync(`${folder}/cgroup.procs`) && !existsSync(`${folder}/cgroup.type`);
}
