import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TestContainer } from "./container.ts";

/**
 * Returns the arguments that run a command where the engine's pids are the host's: in the pid
 * namespace of a private engine; none for any other engine, whose host is this one.
 *
 * @param host address of the engine, as DOCKER_HOST has it
 */
export function onEngineHost(host: string): readonly string[] {
  const pid = firstProcessOf(dirname(new URL(host).pathname));
  return pid === undefined ? [] : ["nsenter", `--target=${pid}`, "--mount", "--pid", "--"];
}

/** Folder of the project's sources. */
const PROJECT = join(import.meta.dirname, "../../..");

/** Arguments of a node that shows it this project, and the Node.js that runs it. */
export const PROGRAM_VOLUMES: readonly string[] = [PROJECT, process.execPath].map(
  (path) => `--volume=${path}:${path}:ro`,
);

/**
 * Returns the arguments that run a command as a program of a node, whose systemd is its host's then; it
 * keeps this process's network.
 */
export async function enterNode(node: TestContainer): Promise<readonly string[]> {
  const { Pid: pid } = (await node.inspect()).State;
  const namespaces = ["--mount", "--pid", "--uts", "--"];
  return [...onEngineHost(node.engine.host), "nsenter", `--target=${pid}`, ...namespaces];
}

/** Returns the pid, in this namespace, of the process that runs a private engine from this folder. */
function firstProcessOf(dir: string): number | undefined {
  return readdirSync("/proc")
    .map(Number)
    .find((pid) => {
      if (!Number.isInteger(pid)) return false;
      const args = readProc(pid, "cmdline").split("\0");
      const at = args.findIndex((arg) => arg.endsWith("private-engine.sh"));
      if (at < 0 || args[at + 1] !== "run" || args[at + 2] !== dir) return false;
      return /^NSpid:.*\t1$/m.test(readProc(pid, "status"));
    });
}

/** Returns the process that `nsenter` waits for, by its pid in this namespace. */
export function onlyChildOf(pid: number): number | undefined {
  const [child] = readProc(pid, `task/${pid}/children`).split(" ");
  return child === undefined || child === "" ? undefined : Number(child);
}

/** Returns a file of a process; "" once it has ended. */
function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
