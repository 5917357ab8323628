import { closeSync, openSync, readdirSync, readSync } from "node:fs";
import { basename } from "node:path";

/** A process can give itself arguments of any size. */
const MAX_ARGUMENT_BYTES = 64 * 1024;

/**
 * Kills the processes that this process can see, containers' too, whose arguments `matches` accepts,
 * with their groups. The first argument comes without its folder. Does nothing where there is no /proc.
 */
export function killOnHost(matches: (args: readonly string[]) => boolean): void {
  for (const pid of pids()) {
    // As a group, 1 stands for all processes.
    if (pid < 2) continue;
    const [program = "", ...args] = argumentsOf(pid);
    if (pid === process.pid || !matches([basename(program), ...args])) continue;
    // Its group, if it is the first of it, or it alone.
    if (!isKilled(-pid)) isKilled(pid);
  }
}

/** Returns false if it has ended, or belongs to another user. */
function isKilled(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    return false;
  }
}

function pids(): readonly number[] {
  try {
    return readdirSync("/proc").map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

function argumentsOf(pid: number): readonly string[] {
  try {
    const file = openSync(`/proc/${pid}/cmdline`, "r");
    try {
      const bytes = Buffer.alloc(MAX_ARGUMENT_BYTES);
      return bytes.toString("utf8", 0, readSync(file, bytes)).split("\0");
    } finally {
      closeSync(file);
    }
  } catch {
    return [];
  }
}
