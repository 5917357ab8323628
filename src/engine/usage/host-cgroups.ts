import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { type CgroupMount, cgroupMounts } from "../format/cgroup-mounts.ts";
import { containerOfPath } from "../format/cgroup-path.ts";

/** A cgroup of the host, by the controllers whose files it has. */
export interface ContainerCgroup {
  /** Folder of cgroup v2; undefined if the host has none with controllers, or doesn't show it. */
  readonly unified: string | undefined;
  /** Folders of cgroup v1 by controller: `memory`, `cpuacct`, `pids`. */
  readonly byController: ReadonlyMap<string, string>;
}

/** A container can have any number of mounts, and this process is in one, as a rule. */
const MAX_MOUNTS_BYTES = 1024 * 1024;
/** The kernel's longest path for each of some hierarchies; a container names its own part. */
const MAX_CGROUP_BYTES = 64 * 1024;
const MAX_FILE_BYTES = 16 * 1024;
const PIECE_BYTES = 4 * 1024;
const WHOLE_ID = /^[0-9a-f]{64}$/;

/**
 * The cgroups of containers as this host's kernel shows them. A path comes from the host's /proc, and
 * ends at the segment that the engine made: no name that a container gave is followed.
 */
export class HostCgroups {
  readonly #proc: string;
  #mounts: Promise<readonly CgroupMount[]> | undefined;

  /** @param proc folder of the host's processes */
  constructor(proc = "/proc") {
    this.#proc = proc;
  }

  /**
   * Returns the cgroup of a container; undefined if this process doesn't see it: its PID 1 runs on
   * another host or in another pid namespace, or the host's cgroups aren't mounted here.
   */
  async find(container: {
    readonly id: string;
    readonly pid: number;
  }): Promise<ContainerCgroup | undefined> {
    const { id, pid } = container;
    if (pid <= 0) return undefined;
    const text = await readBounded(join(this.#proc, String(pid), "cgroup"), MAX_CGROUP_BYTES);
    if (text === undefined) return undefined;
    this.#mounts ??= readMounts(join(this.#proc, "self/mountinfo"));
    const mounts = await this.#mounts;
    let unified: string | undefined;
    const byController = new Map<string, string>();
    for (const line of text.split("\n")) {
      const [, controllers = "", path = ""] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
      const own = pathOf(path, id);
      if (own === undefined) continue;
      if (controllers === "") unified = folderOf(mounts, undefined, own);
      for (const controller of controllers.split(",")) {
        const folder = controller === "" ? undefined : folderOf(mounts, controller, own);
        if (folder !== undefined) byController.set(controller, folder);
      }
    }
    return unified === undefined && byController.size === 0 ? undefined : { unified, byController };
  }
}

/** Returns a file of a cgroup as text; undefined if it is missing, unreadable or too large. */
export async function readCgroupFile(folder: string, name: string): Promise<string | undefined> {
  return readBounded(join(folder, name), MAX_FILE_BYTES);
}

/** Returns the cgroup that the engine made for the container; undefined if the path isn't below it. */
function pathOf(path: string, id: string): string | undefined {
  const segments = path.split("/");
  // It is outside of what a cgroup namespace shows.
  if (segments.includes("..")) return undefined;
  const named = containerOfPath(path);
  if (named?.id === id) return named.path;
  // An engine that runs in a container itself: the path names that one first.
  if (!WHOLE_ID.test(id)) return undefined;
  const at = segments.findIndex((segment) => segment.includes(id));
  return at < 0 ? undefined : segments.slice(0, at + 1).join("/");
}

function folderOf(
  mounts: readonly CgroupMount[],
  controller: string | undefined,
  path: string,
): string | undefined {
  for (const { version, folder, root, options } of mounts) {
    if (controller === undefined ? version === 1 : version === 2 || !options.has(controller))
      continue;
    if (root === "/") return join(folder, path);
    if (path === root || path.startsWith(`${root}/`)) return join(folder, path.slice(root.length));
  }
  return undefined;
}

async function readMounts(path: string): Promise<readonly CgroupMount[]> {
  return cgroupMounts((await readBounded(path, MAX_MOUNTS_BYTES)) ?? "");
}

/** Reads a file of the kernel; undefined if that fails, or it is larger. */
async function readBounded(path: string, maxBytes: number): Promise<string | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    const pieces: Buffer[] = [];
    for (let rest = maxBytes; rest > 0;) {
      const piece = Buffer.allocUnsafe(Math.min(rest, PIECE_BYTES));
      const { bytesRead } = await file.read(piece, 0, piece.length, null);
      if (bytesRead === 0) return Buffer.concat(pieces).toString("latin1");
      pieces.push(piece.subarray(0, bytesRead));
      rest -= bytesRead;
    }
    return undefined;
  } catch {
    return undefined;
  } finally {
    await file?.close();
  }
}
