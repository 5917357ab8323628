import { type ContainerUsage, limitOf, workingSetOf } from "../../domain/container-usage.ts";
import { isJsonObject, objectOf } from "../../platform/data/json.ts";

/**
 * Returns what an answer to `stats` says; undefined if the container doesn't run any more.
 *
 * @param memoryLimit as inspect has it; 0 for none: then the answer has the host's memory
 * @throws if it isn't such an answer
 */
export function usageOfStats(document: unknown, memoryLimit: number): ContainerUsage | undefined {
  if (!isJsonObject(document)) throw new Error("the engine's statistics aren't an object");
  const memory = objectOf(document["memory_stats"]);
  const stats = objectOf(memory["stats"]);
  const cpuNs = number(objectOf(objectOf(document["cpu_stats"])["cpu_usage"])["total_usage"]);
  const pids = objectOf(document["pids_stats"]);
  const used = number(memory["usage"]);
  // A container that has ended has zeros alone, or nothing.
  const threads = number(pids["current"]);
  if (!used && !cpuNs && !threads) return undefined;
  // The first with cgroup v1, the second with v2; podman has neither.
  const inactive = number(stats["total_inactive_file"]) ?? number(stats["inactive_file"]);
  const limit = number(memory["limit"]);
  return {
    memory: used,
    workingSet: workingSetOf(used, inactive),
    memoryLimit: memoryLimit === 0 ? 0 : limit,
    cpuSeconds: cpuNs === undefined ? undefined : cpuNs / 1e9,
    threads,
    threadsMax: threads === undefined ? undefined : limitOf(number(pids["limit"]) ?? 0),
  };
}

function number(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined;
}
