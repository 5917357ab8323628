/**
 * Metrics of what containers use, with `--containers.stats=on`. Names, types and values are cAdvisor's;
 * over OTLP, those of the semantic conventions and of the collector's receiver docker_stats.
 */
import type { ContainerUsage } from "../domain/container-usage.ts";
import type { LabelSet } from "../domain/label-set.ts";
import type { ContainerRecord, ShownUsage } from "../state/containers/container-record.ts";
import type { OtelInstrument, StateMetric } from "./metric.ts";

/** Labels of one run of a container, so that its counters begin again with the next. */
const runLabels = new WeakMap<ShownUsage["counting"], LabelSet>();

function labelsOf({ labels }: ContainerRecord, { counting }: ShownUsage): LabelSet {
  let known = runLabels.get(counting);
  if (known?.text !== labels.text) {
    known = labels.with([], counting);
    runLabels.set(counting, known);
  }
  return known;
}

function usageMetric(
  about: Pick<StateMetric, "name" | "help"> & { readonly otel: OtelInstrument },
  valueOf: (usage: ContainerUsage) => number | undefined,
): StateMetric {
  const type = about.otel.kind === "counter" ? "counter" : "gauge";
  return {
    ...about,
    type,
    labels: ["container", "node", "cluster"],
    countsSince: type === "counter",
    cardinality: "1 per container that runs",
    *read(fleet, visit) {
      for (const record of fleet.containers()) {
        const { usage } = record;
        if (record.hasSeries && record.alive && usage !== undefined) {
          const value = valueOf(usage);
          if (value !== undefined) visit(labelsOf(record, usage), value);
        }
        yield;
      }
    },
  };
}

export const USAGE_METRICS: readonly StateMetric[] = [
  usageMetric(
    {
      name: "container_memory_usage_bytes",
      help: "Memory of the container, with all caches.",
      otel: { name: "container.memory.usage", unit: "By", kind: "updowncounter" },
    },
    ({ memory }) => memory,
  ),
  usageMetric(
    {
      name: "container_memory_working_set_bytes",
      help: "Memory of the container without its inactive file cache.",
      otel: { name: "container.memory.working_set", unit: "By", kind: "updowncounter" },
    },
    ({ workingSet }) => workingSet,
  ),
  usageMetric(
    {
      name: "container_spec_memory_limit_bytes",
      help: "Memory limit of the container; 0 without a limit.",
      otel: { name: "container.memory.usage.limit", unit: "By", kind: "updowncounter" },
    },
    ({ memoryLimit }) => memoryLimit,
  ),
  usageMetric(
    {
      name: "container_cpu_usage_seconds_total",
      help: "CPU time of the container's present run, in user and system mode together.",
      otel: { name: "container.cpu.time", unit: "s", kind: "counter" },
    },
    ({ cpuSeconds }) => cpuSeconds,
  ),
  usageMetric(
    {
      name: "container_threads",
      help: "Threads of all processes in the container.",
      otel: { name: "container.pids.count", unit: "{pids}", kind: "updowncounter" },
    },
    ({ threads }) => threads,
  ),
  usageMetric(
    {
      name: "container_threads_max",
      help: "Most threads that the container may have; 0 without a limit.",
      otel: { name: "container.pids.limit", unit: "{pids}", kind: "updowncounter" },
    },
    ({ threadsMax }) => threadsMax,
  ),
];
