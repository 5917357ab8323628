import type { UnitDescription } from "./unit-description.ts";

/** Groups of values that no signal carries: `--systemd.collect` selects them. */
export const READING_GROUPS = [
  "timers",
  "sockets",
  "tasks",
  "cpu",
  "memory",
  "io",
  "ip",
  "watchdog",
  "boot",
  "info",
] as const;
export type ReadingGroup = (typeof READING_GROUPS)[number];

/**
 * Values of one unit at a moment, as far as systemd was queried. undefined: systemd has no value, or
 * no such property. Times are Unix seconds; 0 means that it never happened.
 */
export interface UnitReading {
  /** LastTriggerUSec of a timer. */
  lastTrigger: number | undefined;
  /** NAccepted, NConnections and NRefused of a socket. */
  accepted: number | undefined;
  connections: number | undefined;
  refused: number | undefined;
  /** TasksCurrent and TasksMax of a service. */
  tasks: number | undefined;
  tasksMax: number | undefined;
  /** CPUUsageNSec in seconds. */
  cpuSeconds: number | undefined;
  /** MemoryCurrent and MemoryPeak, in bytes. */
  memory: number | undefined;
  memoryPeak: number | undefined;
  /** IOReadBytes and IOWriteBytes. */
  readBytes: number | undefined;
  writtenBytes: number | undefined;
  /** IPIngressBytes and the like, of a service. */
  ingressBytes: number | undefined;
  ingressPackets: number | undefined;
  egressBytes: number | undefined;
  egressPackets: number | undefined;
  /** ActiveEnterTimestamp and the like. */
  activeEnter: number | undefined;
  activeExit: number | undefined;
  inactiveEnter: number | undefined;
  inactiveExit: number | undefined;
  /** Type of a service or mount: `oneshot`, `ext4`. */
  subtype: string | undefined;
  /** ExecMainCode of a service: 2 and 3 if a signal ended its main process. */
  exitCode: number | undefined;
  /** ExecMainStatus of a service. */
  exitStatus: number | undefined;
  /** Time and result of the newest check of its conditions. */
  conditionTime: number | undefined;
  isConditionMet: boolean | undefined;
}

/** Most series of a unit of each type by group; "" is any other type. */
const SERIES: Readonly<Record<ReadingGroup, Readonly<Record<string, number>>>> = {
  timers: { timer: 1 },
  sockets: { socket: 3 },
  tasks: { service: 2 },
  cpu: ofCgroups(1),
  memory: ofCgroups(2),
  io: ofCgroups(2),
  ip: { service: 4 },
  watchdog: {},
  boot: {},
  info: { "": 5, service: 8, mount: 6 },
};
const CONTAINER_SERIES: Readonly<Partial<Record<ReadingGroup, number>>> = {
  watchdog: 4,
  boot: 36,
  info: 3,
};

function ofCgroups(count: number): Readonly<Record<string, number>> {
  const types = ["service", "socket", "mount", "swap", "slice", "scope"];
  return Object.fromEntries(types.map((type) => [type, count]));
}

/** Returns how many series of these groups a unit of this type has at most. */
export function seriesOfUnit(type: string, groups: ReadonlySet<ReadingGroup>): number {
  let count = 0;
  for (const group of groups) count += SERIES[group][type] ?? SERIES[group][""] ?? 0;
  return count;
}

/** Returns how many series of these groups a container with systemd has at most, beside those of units. */
export function seriesOfSystemd(groups: ReadonlySet<ReadingGroup>): number {
  let count = 0;
  for (const group of groups) count += CONTAINER_SERIES[group] ?? 0;
  return count;
}

/** Returns a reading without values. */
export function noReading(): UnitReading {
  return {
    lastTrigger: undefined,
    accepted: undefined,
    connections: undefined,
    refused: undefined,
    tasks: undefined,
    tasksMax: undefined,
    cpuSeconds: undefined,
    memory: undefined,
    memoryPeak: undefined,
    readBytes: undefined,
    writtenBytes: undefined,
    ingressBytes: undefined,
    ingressPackets: undefined,
    egressBytes: undefined,
    egressPackets: undefined,
    activeEnter: undefined,
    activeExit: undefined,
    inactiveEnter: undefined,
    inactiveExit: undefined,
    subtype: undefined,
    exitCode: undefined,
    exitStatus: undefined,
    conditionTime: undefined,
    isConditionMet: undefined,
  };
}

/** Stages of a boot, in the order of systemd_exporter: each has a time by both clocks. */
export const BOOT_STAGES = [
  "Finish",
  "Firmware",
  "Loader",
  "Kernel",
  "InitRD",
  "InitRDGeneratorsStart",
  "InitRDGeneratorsFinish",
  "InitRDSecurityStart",
  "InitRDSecurityFinish",
  "InitRDUnitsLoadStart",
  "InitRDUnitsLoadFinish",
  "GeneratorsStart",
  "GeneratorsFinish",
  "SecurityStart",
  "SecurityFinish",
  "Userspace",
  "UnitsLoadStart",
  "UnitsLoadFinish",
] as const;
export type BootStage = (typeof BOOT_STAGES)[number];

/** Values of systemd itself at a moment. undefined: it has no value, or no such property. */
export interface ManagerReading {
  /** Path of the hardware watchdog; "" without one. */
  readonly watchdogDevice: string | undefined;
  /** WatchdogLastPingTimestamp by both clocks, and RuntimeWatchdogUSec, in seconds. */
  readonly pingTime: number | undefined;
  readonly pingMonotonic: number | undefined;
  readonly watchdogSeconds: number | undefined;
  /** Times of the boot by stage, in seconds: Unix time, and since the kernel's start. */
  readonly bootTimes: ReadonlyMap<BootStage, number>;
  readonly bootMonotonic: ReadonlyMap<BootStage, number>;
  /** NJobs: jobs that are queued or run. */
  readonly jobs: number | undefined;
  /** NInstalledJobs and NFailedJobs since systemd's start. */
  readonly installedJobs: number | undefined;
  readonly failedJobs: number | undefined;
}

/**
 * Reads values over an open stream to systemd. It names no unit to systemd but those that it is called
 * with, which are loaded: a name that isn't would be loaded. A call waits for as long as systemd is
 * silent, and rejects if the stream ends.
 */
export interface ReadingSource {
  /** Reads the values of `groups`; undefined if systemd has none, since the unit is gone. */
  readUnit(unit: string, groups: ReadonlySet<ReadingGroup>): Promise<UnitReading | undefined>;
  readManager(groups: ReadonlySet<ReadingGroup>): Promise<ManagerReading | undefined>;
  /** Describes a unit, by name or alias; undefined if no such unit is loaded. It loads none. */
  describeUnit?(unit: string): Promise<UnitDescription | undefined>;
}
