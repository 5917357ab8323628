import { readdirSync, readFileSync } from "node:fs";

/** What the processes of a tree take together, by /proc. */
export interface TreeUse {
  /** Resident memory: bytes. */
  readonly rssBytes: number;
  /** Time on a processor, user and system: seconds. */
  readonly cpuSeconds: number;
  /** Processes beside the root. */
  readonly children: number;
}

/** Ticks of a second in /proc, on all Linux systems. */
const TICKS = 100;

/** What the process and all its descendants use now. Throws where the process isn't there. */
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
  if (!tree.includes(root)) throw new Error(`process ${root} isn't there`);
  let rssBytes = 0;
  let ticks = 0;
  for (const pid of tree) {
    const stat = statOf(pid);
    // It may have ended meanwhile.
    if (stat === undefined) continue;
    ticks += Number(stat[11]) + Number(stat[12]);
    rssBytes += rssOf(pid);
  }
  return { rssBytes, cpuSeconds: ticks / TICKS, children: tree.length - 1 };
}

/** Fields of /proc/PID/stat from the state on: proc(5) has that as the third. */
function statOf(pid: number): string[] | undefined {
  const text = read(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(")") + 2).split(" ");
}

function rssOf(pid: number): number {
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
