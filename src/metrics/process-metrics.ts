import { readdirSync, readFileSync } from "node:fs";
import { constants, PerformanceObserver } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import { getHeapSpaceStatistics } from "node:v8";
import client from "prom-client";
import type { LoopLag, LoopLags } from "./loop-lag.ts";

const GC_BUCKETS = [0.001, 0.01, 0.1, 1, 2, 5];
const GC_KINDS = new Map<number | undefined, string>([
  [constants.NODE_PERFORMANCE_GC_MAJOR, "major"],
  [constants.NODE_PERFORMANCE_GC_MINOR, "minor"],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, "incremental"],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, "weakcb"],
]);
const LAG_HELP: Readonly<Record<keyof LoopLags, string>> = {
  min: "The minimum recorded event loop delay.",
  max: "The maximum recorded event loop delay.",
  mean: "The mean of the recorded event loop delays.",
  stddev: "The standard deviation of the recorded event loop delays.",
  p50: "The 50th percentile of the recorded event loop delays.",
  p90: "The 90th percentile of the recorded event loop delays.",
  p99: "The 99th percentile of the recorded event loop delays.",
};

/**
 * Registers metrics of the process and of Node.js: those of the client library, with its names, help,
 * labels and types, but read when they are scraped. The library's own wake the process ten times a
 * second, also after they were removed. Metrics whose names suggest another type are left out.
 *
 * @returns a handle that ends the observation of garbage collections
 */
export function collectProcessMetrics(register: client.Registry, lag: LoopLag): Disposable {
  const registers = [register];
  addCpu(registers);
  const startSeconds = Math.round(Date.now() / 1_000 - process.uptime());
  addGauge(registers, {
    name: "process_start_time_seconds",
    help: "Start time of the process since unix epoch in seconds.",
    read: () => startSeconds,
  });
  addMemory(registers);
  addGauge(registers, {
    name: "process_open_fds",
    help: "Number of open file descriptors.",
    // One of them is the folder's, which is closed again.
    read: () => attempt(() => readdirSync("/proc/self/fd").length - 1),
  });
  addGauge(registers, {
    name: "process_max_fds",
    help: "Maximum number of open file descriptors.",
    read: () => numberIn("/proc/self/limits", /^Max open files\s+(\d+)/m),
  });
  addLag(registers, lag);
  addActive(registers);
  addHeap(registers);
  addVersion(registers);
  return observeCollections(registers);
}

function addCpu(registers: client.Registry[]): void {
  const counter = (what: string, help: string, read: () => number): void => {
    new client.Counter({
      name: `process_cpu_${what}seconds_total`,
      help: `Total ${help} CPU time spent in seconds.`,
      registers,
      collect() {
        this.reset();
        this.inc(read() / 1e6);
      },
    });
  };
  counter("user_", "user", () => process.cpuUsage().user);
  counter("system_", "system", () => process.cpuUsage().system);
  counter("", "user and system", () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  });
}

function addMemory(registers: client.Registry[]): void {
  const gauge = (what: string, help: string, row: string): void => {
    const pattern = new RegExp(`^${row}:\\s+(\\d+) kB$`, "m");
    addGauge(registers, {
      name: `process_${what}_bytes`,
      help,
      read() {
        const kib = numberIn("/proc/self/status", pattern);
        return kib === undefined ? undefined : kib * 1_024;
      },
    });
  };
  gauge("resident_memory", "Resident memory size in bytes.", "VmRSS");
  gauge("virtual_memory", "Virtual memory size in bytes.", "VmSize");
  gauge("heap", "Process heap size in bytes.", "VmData");
}

function addLag(registers: client.Registry[], lag: LoopLag): void {
  new client.Gauge({
    name: "nodejs_eventloop_lag_seconds",
    help: "Lag of event loop in seconds.",
    registers,
    async collect() {
      const startMs = performance.now();
      await setImmediate();
      this.set((performance.now() - startMs) / 1_000);
    },
  });
  let taken = lag.take();
  for (const part of Object.keys(LAG_HELP) as (keyof LoopLags)[]) {
    addGauge(registers, {
      name: `nodejs_eventloop_lag_${part}_seconds`,
      help: LAG_HELP[part],
      read() {
        // The first of them is read first.
        if (part === "min") taken = lag.take();
        return taken[part];
      },
    });
  }
}

function addActive(registers: client.Registry[]): void {
  const internals = process as unknown as Readonly<Record<string, (() => object[]) | undefined>>;
  const classes = (list: string) => (): string[] =>
    (internals[list]?.call(process) ?? []).map((entry) => entry.constructor.name);
  const add = (what: string, help: string, read: () => readonly string[]): void => {
    new client.Gauge({
      name: `nodejs_active_${what}`,
      help,
      labelNames: ["type"],
      registers,
      collect() {
        this.reset();
        for (const type of read()) this.inc({ type });
      },
    });
  };
  add(
    "resources",
    "Number of active resources that are currently keeping the event loop alive, grouped by async resource type.",
    () => process.getActiveResourcesInfo(),
  );
  add(
    "handles",
    "Number of active libuv handles grouped by handle type. Every handle type is C++ class name.",
    classes("_getActiveHandles"),
  );
  add(
    "requests",
    "Number of active libuv requests grouped by request type. Every request type is C++ class name.",
    classes("_getActiveRequests"),
  );
}

function addHeap(registers: client.Registry[]): void {
  addGauge(registers, {
    name: "nodejs_heap_size_total_bytes",
    help: "Process heap size from Node.js in bytes.",
    read: () => process.memoryUsage().heapTotal,
  });
  addGauge(registers, {
    name: "nodejs_heap_size_used_bytes",
    help: "Process heap size used from Node.js in bytes.",
    read: () => process.memoryUsage().heapUsed,
  });
  addGauge(registers, {
    name: "nodejs_external_memory_bytes",
    help: "Node.js external memory size in bytes.",
    read: () => process.memoryUsage().external,
  });
  for (const [what, key] of [
    ["total", "space_size"],
    ["used", "space_used_size"],
    ["available", "space_available_size"],
  ] as const) {
    new client.Gauge({
      name: `nodejs_heap_space_size_${what}_bytes`,
      help: `Process heap space size ${what} from Node.js in bytes.`,
      labelNames: ["space"],
      registers,
      collect() {
        for (const { space_name: name, [key]: bytes } of getHeapSpaceStatistics()) {
          this.set({ space: name.replace(/_space.*/, "") }, bytes);
        }
      },
    });
  }
}

function addVersion(registers: client.Registry[]): void {
  const { version } = process;
  const [major = 0, minor = 0, patch = 0] = version.slice(1).split(".").map(Number);
  new client.Gauge({
    name: "nodejs_version_info",
    help: "Node.js version info.",
    labelNames: ["version", "major", "minor", "patch"],
    registers,
  }).set({ version, major, minor, patch }, 1);
}

function observeCollections(registers: client.Registry[]): Disposable {
  const durations = new client.Histogram({
    name: "nodejs_gc_duration_seconds",
    help: "Garbage collection duration by kind, one of major, minor, incremental or weakcb.",
    labelNames: ["kind"],
    buckets: GC_BUCKETS,
    registers,
  });
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { detail } = entry as { readonly detail?: { readonly kind?: number } };
      const kind = GC_KINDS.get(detail?.kind);
      if (kind !== undefined) durations.observe({ kind }, entry.duration / 1_000);
    }
  });
  observer.observe({ entryTypes: ["gc"] });
  return { [Symbol.dispose]: () => observer.disconnect() };
}

/** Adds a gauge that has no sample while `read` returns undefined. */
function addGauge(
  registers: client.Registry[],
  gauge: { readonly name: string; readonly help: string; readonly read: () => number | undefined },
): void {
  const { name, help, read } = gauge;
  new client.Gauge({
    name,
    help,
    registers,
    collect() {
      const value = read();
      if (value === undefined) this.remove();
      else this.set(value);
    },
  });
}

/** Returns the number in a file of the kernel; undefined if this system doesn't have it. */
function numberIn(path: string, pattern: RegExp): number | undefined {
  const text = attempt(() => readFileSync(path, "utf8")) ?? "";
  const [, digits] = pattern.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
