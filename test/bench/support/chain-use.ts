import { readlinkSync } from "node:fs";
import { allProcesses, type ProcessStat, rssOf } from "./process-tree.ts";

/** Parts of the way from a node's bus to unitwatch. */
export const CHAIN_PARTS = ["dockerd", "containerd", "shims", "bridges", "unitwatch"] as const;
export type ChainPart = (typeof CHAIN_PARTS)[number];

/** CPU seconds of each part, with those of children that have ended. */
export type ChainCpu = Readonly<Record<ChainPart, number>>;

/** Processes in containers beside their first ones and what these started. */
export interface Commands {
  readonly count: number;
  readonly rssBytes: number;
}

const COMMANDS: Readonly<Record<string, ChainPart>> = {
  dockerd: "dockerd",
  containerd: "containerd",
  "containerd-shim": "shims",
  "systemd-stdio-b": "bridges",
};

/** Measures the engine whose host unitwatch runs on. */
export function chainCpu(unitwatch: number): ChainCpu {
  const cpu = { dockerd: 0, containerd: 0, shims: 0, bridges: 0, unitwatch: 0 };
  const processes = engineProcesses(unitwatch);
  for (const each of processes.own) {
    const part = each.pid === unitwatch ? "unitwatch" : COMMANDS[each.command];
    if (part !== undefined) cpu[part] += each.cpuSeconds + each.endedCpuSeconds;
  }
  for (const each of processes.commands) {
    if (COMMANDS[each.command] === "bridges") cpu.bridges += each.cpuSeconds;
  }
  return cpu;
}

/** Returns the commands that run in containers of the engine whose host unitwatch runs on. */
export function commandsIn(unitwatch: number): Commands {
  const { commands } = engineProcesses(unitwatch);
  const rssBytes = commands.reduce((sum, { pid }) => sum + rssOf(pid), 0);
  return { count: commands.length, rssBytes };
}

interface EngineProcesses {
  /** Those of the engine's pid namespace. */
  readonly own: readonly ProcessStat[];
  /** Those that the shims started after the first process of their container. */
  readonly commands: readonly ProcessStat[];
}

function engineProcesses(unitwatch: number): EngineProcesses {
  const namespace = namespaceOf(unitwatch);
  const all = allProcesses();
  const own = all.filter(({ pid }) => namespaceOf(pid) === namespace);
  const shims = own.filter(({ command }) => COMMANDS[command] === "shims");
  const commands = shims.flatMap((shim) =>
    all
      .filter(({ ppid }) => ppid === shim.pid)
      .toSorted((one, other) => one.startTicks - other.startTicks || one.pid - other.pid)
      .slice(1),
  );
  return { own, commands };
}

function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}
