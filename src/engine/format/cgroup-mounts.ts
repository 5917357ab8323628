/** A mounted hierarchy of cgroups. */
export interface CgroupMount {
  readonly version: 1 | 2;
  /** Where it is mounted. */
  readonly folder: string;
  /** Cgroup that is its root, as /proc/PID/cgroup names it. */
  readonly root: string;
  /** Options of the file system: of version 1, its controllers, and its name as `name=NAME`. */
  readonly options: ReadonlySet<string>;
}

/** `36 25 0:31 / /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory`. */
const MOUNT = /^\d+ \d+ \S+ (\/\S*) (\/\S*) .*? - (cgroup2?) \S+ (\S+)$/;

/** Parses the mounted hierarchies of cgroups in /proc/PID/mountinfo. */
export function cgroupMounts(mountinfo: string): readonly CgroupMount[] {
  return mountinfo.split("\n").flatMap((line) => {
    const [, root, folder, type, options = ""] = MOUNT.exec(line) ?? [];
    if (root === undefined || folder === undefined) return [];
    return [
      {
        version: type === "cgroup2" ? 2 : 1,
        folder: unescaped(folder),
        root: unescaped(root),
        options: new Set(options.split(",")),
      },
    ];
  });
}

/** The kernel writes space, tab, newline and backslash as three octal digits. */
function unescaped(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCodePoint(Number.parseInt(digits, 8)),
  );
}
