import type { ManagerReading, ReadingGroup } from "../domain/readings.ts";
import { BOOT_STAGES } from "../domain/readings.ts";
import type { ContainerRecord } from "../state/containers/container-record.ts";
import type { OtelInstrument, StateMetric, VisitSample } from "./metric.ts";
import { deviceLabelsOf } from "./systemd-labels.ts";
import {
  type About,
  isAnswering,
  NODE,
  type ReadingMetric,
  systemdMetric,
} from "./systemd-reads.ts";

/** Returns a metric of systemd itself. */
function managerMetric(
  group: ReadingGroup,
  about: About,
  sample: (reading: ManagerReading, record: ContainerRecord, visit: VisitSample) => void,
): ReadingMetric {
  const metric = systemdMetric(about, (record, visit) => {
    const { reading } = record.systemd.manager;
    if (reading !== undefined && isAnswering(record)) sample(reading, record, visit);
  });
  return { ...metric, group };
}

type Described = Pick<StateMetric, "name" | "help"> & { readonly otel: OtelInstrument };

/** Returns a gauge of the hardware watchdog, if there is one. */
function deviceMetric(
  about: Described,
  valueOf: (reading: ManagerReading) => number | undefined,
): ReadingMetric {
  const labels = [...NODE, "device"];
  const definition: About = {
    ...about,
    otel: { ...about.otel, attributes: { device: "systemd.watchdog.device" } },
    type: "gauge",
    labels,
    cardinality: "1 per container with a hardware watchdog",
  };
  return managerMetric("watchdog", definition, (reading, record, visit) => {
    const { watchdogDevice: device = "" } = reading;
    const value = valueOf(reading);
    if (device !== "" && value !== undefined) visit(deviceLabelsOf(record, device), value);
  });
}

/** Returns a gauge with a series for each stage of the boot. */
function bootMetric(
  about: Described,
  timesOf: (reading: ManagerReading) => ManagerReading["bootTimes"],
): ReadingMetric {
  const definition: About = {
    ...about,
    otel: { ...about.otel, attributes: { stage: "systemd.boot.stage" } },
    type: "gauge",
    labels: [...NODE, "stage"],
    cardinality: `${BOOT_STAGES.length} per container with systemd`,
  };
  return managerMetric("boot", definition, (reading, { labels }, visit) => {
    for (const [stage, seconds] of timesOf(reading)) visit(labels, seconds, "stage", stage);
  });
}

/** Metrics of systemd itself that no signal carries. */
export const MANAGER_METRICS: readonly ReadingMetric[] = [
  managerMetric(
    "watchdog",
    {
      name: "systemd_watchdog_enabled",
      type: "gauge",
      help: "1 if systemd feeds a hardware watchdog, else 0.",
      labels: NODE,
      otel: { name: "systemd.watchdog.enabled", unit: "1", kind: "updowncounter" },
      cardinality: "1 per container with systemd",
    },
    ({ watchdogDevice }, { labels }, visit) => {
      if (watchdogDevice !== undefined) visit(labels, watchdogDevice === "" ? 0 : 1);
    },
  ),
  deviceMetric(
    {
      name: "systemd_watchdog_last_ping_monotonic_seconds",
      help: "When systemd last fed the hardware watchdog, in seconds since the kernel's start.",
      otel: { name: "systemd.watchdog.last_ping.monotonic", unit: "s", kind: "gauge" },
    },
    ({ pingMonotonic }) => pingMonotonic,
  ),
  deviceMetric(
    {
      name: "systemd_watchdog_last_ping_time_seconds",
      help: "Unix time at which systemd last fed the hardware watchdog.",
      otel: { name: "systemd.watchdog.last_ping.time", unit: "s", kind: "gauge" },
    },
    ({ pingTime }) => pingTime,
  ),
  deviceMetric(
    {
      name: "systemd_watchdog_runtime_seconds",
      help: "Time after which the hardware watchdog resets the machine unless systemd feeds it.",
      otel: { name: "systemd.watchdog.runtime", unit: "s", kind: "gauge" },
    },
    ({ watchdogSeconds }) => watchdogSeconds,
  ),
  bootMetric(
    {
      name: "systemd_boot_monotonic_seconds",
      help: "When each stage of the boot began or ended, in seconds since the kernel's start; 0 for a stage that there wasn't.",
      otel: { name: "systemd.boot.monotonic", unit: "s", kind: "gauge" },
    },
    ({ bootMonotonic }) => bootMonotonic,
  ),
  bootMetric(
    {
      name: "systemd_boot_time_seconds",
      help: "Unix time at which each stage of the boot began or ended; 0 for a stage that there wasn't.",
      otel: { name: "systemd.boot.time", unit: "s", kind: "gauge" },
    },
    ({ bootTimes }) => bootTimes,
  ),
  managerMetric(
    "info",
    {
      name: "systemd_jobs",
      type: "gauge",
      help: "Jobs of systemd that are queued or run.",
      labels: NODE,
      otel: { name: "systemd.jobs", unit: "{job}", kind: "gauge" },
      cardinality: "1 per container with systemd",
    },
    ({ jobs }, { labels }, visit) => {
      if (jobs !== undefined) visit(labels, jobs);
    },
  ),
  managerMetric(
    "info",
    {
      name: "systemd_jobs_installed_total",
      type: "counter",
      help: "Jobs that systemd has queued since its start.",
      labels: NODE,
      otel: { name: "systemd.jobs.installed", unit: "{job}", kind: "counter" },
      cardinality: "1 per container with systemd",
    },
    ({ installedJobs }, { labels }, visit) => {
      if (installedJobs !== undefined) visit(labels, installedJobs);
    },
  ),
  managerMetric(
    "info",
    {
      name: "systemd_jobs_failed_total",
      type: "counter",
      help: "Jobs that have failed since systemd's start.",
      labels: NODE,
      otel: { name: "systemd.jobs.failed", unit: "{job}", kind: "counter" },
      cardinality: "1 per container with systemd",
    },
    ({ failedJobs }, { labels }, visit) => {
      if (failedJobs !== undefined) visit(labels, failedJobs);
    },
  ),
];
