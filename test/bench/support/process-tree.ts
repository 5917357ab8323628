import { readdirSync, readFileSync } from "node:fs";

/** Sums over the processes of a tree, from /proc. */
export interface TreeUse {
  /** Resident memory. */
  readonly rssBytes: number;
  /** CPU time, user and system. */
  readonly cpuSeconds: number;
  /** Number of processes without the root. */
  readonly children: number;
}

/** Ticks per second in /proc on Linux. */
const TICKS = 100;

/** A process, from /proc. */
export interface ProcessStat {
  readonly pid: number;
  readonly ppid: number;
  /** Name of its program, at most 15 characters. */
  readonly command: string;
  /** CPU time, user and system. */
  readonly cpuSeconds: number;
  /** CPU time of its children that have ended, and of theirs. */
  readonly endedCpuSeconds: number;
  /** Ticks since the boot. */
  readonly startTicks: number;
}

/** Returns all processes of this pid namespace and of those below. */
export function allProcesses(): ProcessStat[] {
  return readdirSync("/proc")
    .map(Number)
    .flatMap((pid) => {
      const text = Number.isInteger(pid) ? read(`/proc/${pid}/stat`) : undefined;
      if (text === undefined) return [];
      const stat = fieldsOf(text);
      const seconds = (at: number): number => (Number(stat[at]) + Number(stat[at + 1])) / TICKS;
      return {
        pid,
        ppid: Number(stat[1]),
        command: text.slice(text.indexOf("(") + 1, text.lastIndexOf(")")),
        cpuSeconds: seconds(11),
        endedCpuSeconds: seconds(13),
        startTicks: Number(stat[19]),
      };
    });
}

/** Measures a process and all its descendants. @throws if the process does not exist */
export function useOfTree(root: number): TreeUse {
  const parents = new Map<number, number>();
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const ppid = Number(statOf(pid)?.[1]);
    if (ppid > 0) parents.set(pid, ppid);
  }
  const isOfTree = (pid: number | undefined): boolean =>
    pid !== undefined && (pid === root || isOfTree(parents.get(pid)));
  const tree = [...parents.keys()].filter(isOfTree);
  if (!tree.includes(root)) throw new Error(`process ${root} does not exist`);
  let rssBytes = 0;
  let ticks = 0;
  for (const pid of tree) {
    const stat = statOf(pid);
    // It may have ended in the meantime.
    if (stat === undefined) continue;
    ticks += Number(stat[11]) + Number(stat[12]);
    rssBytes += rssOf(pid);
  }
  return { rssBytes, cpuSeconds: ticks / TICKS, children: tree.length - 1 };
}

/** Returns the fields of /proc/PID/stat from the third, the state, on; see proc(5). */
function statOf(pid: number): string[] | undefined {
  const text = read(`/proc/${pid}/stat`);
  return text === undefined ? undefined : fieldsOf(text);
}

function fieldsOf(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** Returns the resident memory of a process in bytes; 0 once it has ended. */
export function rssOf(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+)/m.exec(read(`/proc/${pid}/status`) ?? "") ?? [];
  return Number(kib ?? 0) * 1024;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
