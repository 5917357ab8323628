import {
  type ContainerUsage,
  limitOf,
  type OomKillCounts,
  workingSetOf,
} from "../../domain/container-usage.ts";
import { keyedNumber, wholeNumber } from "../format/keyed-number.ts";
import { type ContainerCgroup, readCgroupFile } from "./host-cgroups.ts";

/** Returns what the cgroup uses; undefined if none of its files can be read. */
export async function cgroupUsage(cgroup: ContainerCgroup): Promise<ContainerUsage | undefined> {
  const { unified, byController } = cgroup;
  const memoryOf = byController.get("memory");
  const cpuOf = byController.get("cpuacct");
  const pidsOf = byController.get("pids") ?? unified;
  const memory = memoryOf === undefined ? await memoryInV2(unified) : await memoryInV1(memoryOf);
  const cpuSeconds = cpuOf === undefined ? await cpuInV2(unified) : await cpuInV1(cpuOf);
  const threads = await numberIn(pidsOf, "pids.current");
  const threadsMax = await limitIn(pidsOf, "pids.max");
  const usage = { ...memory, cpuSeconds, threads, threadsMax };
  return Object.values(usage).every((value) => value === undefined) ? undefined : usage;
}

type Memory = Pick<ContainerUsage, "memory" | "workingSet" | "memoryLimit">;

async function memoryInV2(folder: string | undefined): Promise<Memory> {
  const memory = await numberIn(folder, "memory.current");
  const inactive = keyedNumber(await textIn(folder, "memory.stat"), "inactive_file");
  const memoryLimit = await limitIn(folder, "memory.max");
  return { memory, workingSet: workingSetOf(memory, inactive), memoryLimit };
}

async function memoryInV1(folder: string): Promise<Memory> {
  const memory = await numberIn(folder, "memory.usage_in_bytes");
  const inactive = keyedNumber(await textIn(folder, "memory.stat"), "total_inactive_file");
  const memoryLimit = await limitIn(folder, "memory.limit_in_bytes");
  return { memory, workingSet: workingSetOf(memory, inactive), memoryLimit };
}

async function cpuInV2(folder: string | undefined): Promise<number | undefined> {
  const usageUs = keyedNumber(await textIn(folder, "cpu.stat"), "usage_usec");
  return usageUs === undefined ? undefined : usageUs / 1e6;
}

async function cpuInV1(folder: string): Promise<number | undefined> {
  const usageNs = await numberIn(folder, "cpuacct.usage");
  return usageNs === undefined ? undefined : usageNs / 1e9;
}

/** Returns the kills that `memory.events` of a cgroup v2 counts; undefined if it doesn't. */
export async function oomKillsIn(folder: string): Promise<OomKillCounts | undefined> {
  const text = await textIn(folder, MEMORY_EVENTS);
  const killed = keyedNumber(text, "oom_kill");
  // Kernels before 5.17 don't count groups.
  return killed === undefined
    ? undefined
    : { killed, groups: keyedNumber(text, "oom_group_kill") ?? 0 };
}

/** File of a cgroup v2 that changes with each kill. */
export const MEMORY_EVENTS = "memory.events";

async function textIn(folder: string | undefined, name: string): Promise<string | undefined> {
  return folder === undefined ? undefined : readCgroupFile(folder, name);
}

async function numberIn(folder: string | undefined, name: string): Promise<number | undefined> {
  return wholeNumber((await textIn(folder, name))?.trim());
}

async function limitIn(folder: string | undefined, name: string): Promise<number | undefined> {
  const text = (await textIn(folder, name))?.trim();
  const value = text === "max" ? 0 : wholeNumber(text);
  return value === undefined ? undefined : limitOf(value);
}
