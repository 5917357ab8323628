import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Folders that stand for a host's /proc and its mounted cgroups. */
export interface CgroupTree {
  readonly proc: string;
  /** Returns the whole path of one below the folder of all. */
  readonly at: (path: string) => string;
  /** Writes a file below the folder of all. */
  readonly write: (path: string, text: string) => Promise<void>;
  /** Puts a process into cgroups: lines of its /proc/PID/cgroup. */
  readonly process: (pid: number, ...cgroups: readonly string[]) => Promise<void>;
}

/** A mount: its root, where it is, and `cgroup2` or the controllers of v1. */
export type Mount = readonly [root: string, at: string, type: string];

/** Makes such folders. */
export async function cgroupTree(...mounts: readonly Mount[]): Promise<CgroupTree> {
  const folder = await mkdtemp(join(tmpdir(), "cgroup-tree-"));
  const at = (path: string): string => join(folder, path);
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(at(path)), { recursive: true });
    await writeFile(at(path), text);
  };
  const lines = mounts.map(([root, path, type], i) => {
    const end = type === "cgroup2" ? "cgroup2 cgroup rw,nsdelegate" : `cgroup cgroup rw,${type}`;
    const mounted = at(path).replaceAll(" ", String.raw`\040`);
    return `${30 + i} 25 0:${30 + i} ${root} ${mounted} rw,nosuid shared:9 - ${end}\n`;
  });
  await write("proc/self/mountinfo", `24 1 8:1 / / rw - ext4 /dev/root rw\n${lines.join("")}`);
  return {
    proc: at("proc"),
    at,
    write,
    process: (pid, ...cgroups) => write(`proc/${pid}/cgroup`, `${cgroups.join("\n")}\n`),
  };
}
