import { expect, test } from "@jest/globals";
import { usageOfStats } from "../../../src/engine/format/docker-stats.ts";

/** The members that are read of an answer of Docker 20.10 with cgroup v1. */
const V1 = {
  read: "2026-12-01T11:00:00.1Z",
  pids_stats: { current: 5, limit: 100 },
  cpu_stats: { cpu_usage: { total_usage: 4_500_000_000 }, system_cpu_usage: 1, online_cpus: 2 },
  memory_stats: {
    usage: 10_000,
    max_usage: 20_000,
    limit: 50_000,
    stats: { inactive_file: 1, total_inactive_file: 4_000 },
  },
};

test("reads an answer with cgroup v1", () => {
  expect(usageOfStats(V1, 50_000)).toEqual({
    memory: 10_000,
    workingSet: 6_000,
    memoryLimit: 50_000,
    cpuSeconds: 4.5,
    threads: 5,
    threadsMax: 100,
  });
});

test("reads an answer with cgroup v2, and one without limits", () => {
  const memory_stats = { usage: 10_000, limit: 8e9, stats: { inactive_file: 12_000 } };
  // The greatest number of 64 bits, as JSON.parse has it.
  const pids_stats = { current: 5, limit: 18_446_744_073_709_552_000 };
  expect(usageOfStats({ ...V1, memory_stats, pids_stats }, 0)).toEqual({
    memory: 10_000,
    workingSet: 0,
    memoryLimit: 0,
    cpuSeconds: 4.5,
    threads: 5,
    threadsMax: 0,
  });
});

test.each([
  ["zeros", { pids_stats: {}, cpu_stats: { cpu_usage: { total_usage: 0 } }, memory_stats: {} }],
  ["nothing", {}],
  ["values of other types", { pids_stats: [7], cpu_stats: "x", memory_stats: { usage: "5" } }],
  ["impossible values", { memory_stats: { usage: -1 }, pids_stats: { current: null } }],
])("returns nothing for %s", (_what, document) => {
  expect(usageOfStats(document, 0)).toBeUndefined();
});

test.each([[undefined], [null], ["text"], [[V1]]])("rejects %j", (document) => {
  expect(() => usageOfStats(document, 0)).toThrow("aren't an object");
});
