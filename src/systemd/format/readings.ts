import type {
  BootStage,
  ManagerReading,
  ReadingGroup,
  UnitReading,
} from "../../domain/readings.ts";
import { BOOT_STAGES } from "../../domain/readings.ts";
import { unitType } from "../../domain/unit.ts";
import type { Message } from "../dbus/message.ts";
import type { Reader } from "../dbus/reader.ts";
import { SYSTEMD, UNIT_INTERFACE } from "./objects.ts";

/** Properties of one interface of a unit. */
export interface PropertyQuery {
  readonly interfaceName: string;
  readonly properties: readonly string[];
}

/** Unit types with a cgroup, whose interfaces have its figures. */
const CGROUP_TYPES: ReadonlySet<string> = new Set([
  "service",
  "socket",
  "mount",
  "swap",
  "slice",
  "scope",
]);

/** Properties by group; those of a group that is missing here are systemd's own. */
const OF_TYPE: Readonly<
  Partial<Record<ReadingGroup, { readonly has: (type: string) => boolean; readonly of: string[] }>>
> = {
  timers: { has: (type) => type === "timer", of: ["LastTriggerUSec"] },
  sockets: { has: (type) => type === "socket", of: ["NAccepted", "NConnections", "NRefused"] },
  tasks: { has: (type) => type === "service", of: ["TasksCurrent", "TasksMax"] },
  cpu: { has: (type) => CGROUP_TYPES.has(type), of: ["CPUUsageNSec"] },
  memory: { has: (type) => CGROUP_TYPES.has(type), of: ["MemoryCurrent", "MemoryPeak"] },
  io: { has: (type) => CGROUP_TYPES.has(type), of: ["IOReadBytes", "IOWriteBytes"] },
  ip: {
    has: (type) => type === "service",
    of: ["IPIngressBytes", "IPIngressPackets", "IPEgressBytes", "IPEgressPackets"],
  },
  info: { has: (type) => type === "service", of: ["Type", "ExecMainCode", "ExecMainStatus"] },
};
const OF_UNIT = [
  "ActiveEnterTimestamp",
  "ActiveExitTimestamp",
  "InactiveEnterTimestamp",
  "InactiveExitTimestamp",
  "ConditionTimestamp",
  "ConditionResult",
];

/** Unit types that are cached: a unit's name can end in anything. */
const MAX_TYPES = 100;
const cache = new WeakMap<ReadonlySet<ReadingGroup>, Map<string, readonly PropertyQuery[]>>();

/** Returns what the groups have of a unit; nothing for most units. */
export function queriesOf(
  unit: string,
  groups: ReadonlySet<ReadingGroup>,
): readonly PropertyQuery[] {
  let byType = cache.get(groups);
  if (byType === undefined) cache.set(groups, (byType = new Map()));
  const type = unitType(unit);
  const known = byType.get(type);
  if (known !== undefined) return known;
  const queries = queriesOfType(type, groups);
  if (byType.size < MAX_TYPES) byType.set(type, queries);
  return queries;
}

function queriesOfType(type: string, groups: ReadonlySet<ReadingGroup>): PropertyQuery[] {
  const properties = [...groups].flatMap((group) => {
    const { has, of } = OF_TYPE[group] ?? { has: () => false, of: [] };
    return has(type) ? of : [];
  });
  if (type === "mount" && groups.has("info")) properties.push("Type");
  const interfaceName = `${SYSTEMD}.${type.charAt(0).toUpperCase()}${type.slice(1)}`;
  return [
    ...(properties.length === 0 ? [] : [{ interfaceName, properties }]),
    ...(groups.has("info") ? [{ interfaceName: UNIT_INTERFACE, properties: OF_UNIT }] : []),
  ];
}

type SetValue = (reading: UnitReading, reader: Reader) => void;

/** Properties, and how the variant of each becomes part of a reading. */
const SETTERS: Readonly<Record<string, SetValue>> = {
  LastTriggerUSec: (to, from) => (to.lastTrigger = readSeconds(from)),
  NAccepted: (to, from) => (to.accepted = readNumber(from)),
  NConnections: (to, from) => (to.connections = readNumber(from)),
  NRefused: (to, from) => (to.refused = readNumber(from)),
  TasksCurrent: (to, from) => (to.tasks = readNumber(from)),
  TasksMax: (to, from) => (to.tasksMax = readNumber(from)),
  CPUUsageNSec: (to, from) => (to.cpuSeconds = scaled(readNumber(from), 1e9)),
  MemoryCurrent: (to, from) => (to.memory = readNumber(from)),
  MemoryPeak: (to, from) => (to.memoryPeak = readNumber(from)),
  IOReadBytes: (to, from) => (to.readBytes = readNumber(from)),
  IOWriteBytes: (to, from) => (to.writtenBytes = readNumber(from)),
  IPIngressBytes: (to, from) => (to.ingressBytes = readNumber(from)),
  IPIngressPackets: (to, from) => (to.ingressPackets = readNumber(from)),
  IPEgressBytes: (to, from) => (to.egressBytes = readNumber(from)),
  IPEgressPackets: (to, from) => (to.egressPackets = readNumber(from)),
  ActiveEnterTimestamp: (to, from) => (to.activeEnter = readSeconds(from)),
  ActiveExitTimestamp: (to, from) => (to.activeExit = readSeconds(from)),
  InactiveEnterTimestamp: (to, from) => (to.inactiveEnter = readSeconds(from)),
  InactiveExitTimestamp: (to, from) => (to.inactiveExit = readSeconds(from)),
  Type: (to, from) => (to.subtype = readSubtype(from)),
  ExecMainCode: (to, from) => (to.exitCode = readNumber(from)),
  ExecMainStatus: (to, from) => (to.exitStatus = readNumber(from)),
  ConditionTimestamp: (to, from) => (to.conditionTime = readSeconds(from)),
  ConditionResult: (to, from) => (to.isConditionMet = readNumber(from) !== 0),
};

/** Adds the value of a property, which is next as a variant, to the reading. */
export function addProperty(reading: UnitReading, property: string, reader: Reader): void {
  const set = SETTERS[property];
  if (set === undefined) reader.skipVariant();
  else set(reading, reader);
}

/** Longest name of a property whose length is one bit of a number. */
const MAX_NAME_LENGTH = 31;

/** Adds those of the properties that an answer of GetAll has to the reading. */
export function addProperties(
  reading: UnitReading,
  properties: ReadonlySet<string>,
  reply: Message,
): void {
  // Most others are skipped without being decoded: an answer has about 300.
  let lengths = 0;
  for (const property of properties) lengths |= 1 << property.length;
  reply.read("a{sv}", (reader) => {
    const outer = reader.enterArray(8);
    while (reader.more) {
      const { nextLength } = reader.struct();
      if (nextLength > MAX_NAME_LENGTH || (lengths & (1 << nextLength)) === 0) {
        reader.skipString().skipVariant();
        continue;
      }
      const property = reader.string();
      if (properties.has(property)) addProperty(reading, property, reader);
      else reader.skipVariant();
    }
    reader.leave(outer);
  });
}

const STAGES: ReadonlyMap<string, BootStage> = new Map(
  BOOT_STAGES.map((stage) => [`${stage}Timestamp`, stage]),
);
const MONOTONIC = "Monotonic";

/** Reads the answer of GetAll for the manager. */
export function readManagerReading(
  reply: Message,
  groups: ReadonlySet<ReadingGroup>,
): ManagerReading {
  const numbers = new Map<string, number | undefined>();
  const bootTimes = new Map<BootStage, number>();
  const bootMonotonic = new Map<BootStage, number>();
  let device: string | undefined;
  reply.read("a{sv}", (reader) => {
    const outer = reader.enterArray(8);
    while (reader.more) {
      const property = reader.struct().string();
      const isMonotonic = property.endsWith(MONOTONIC);
      const stage = STAGES.get(isMonotonic ? property.slice(0, -MONOTONIC.length) : property);
      if (stage !== undefined) {
        const seconds = readSeconds(reader);
        const times = isMonotonic ? bootMonotonic : bootTimes;
        if (seconds !== undefined) times.set(stage, seconds);
      } else if (MANAGER_NUMBERS.has(property)) numbers.set(property, readNumber(reader));
      else if (property === "WatchdogDevice") device = readText(reader, DEVICE);
      else reader.skipVariant();
    }
    reader.leave(outer);
  });
  const of = (group: ReadingGroup, property: string, divisor = 1): number | undefined =>
    groups.has(group) ? scaled(numbers.get(property), divisor) : undefined;
  const hasBoot = groups.has("boot");
  return {
    watchdogDevice: groups.has("watchdog") ? device : undefined,
    pingTime: of("watchdog", "WatchdogLastPingTimestamp", 1e6),
    pingMonotonic: of("watchdog", "WatchdogLastPingTimestampMonotonic", 1e6),
    watchdogSeconds: of("watchdog", "RuntimeWatchdogUSec", 1e6),
    bootTimes: hasBoot ? bootTimes : new Map(),
    bootMonotonic: hasBoot ? bootMonotonic : new Map(),
    jobs: of("info", "NJobs"),
    installedJobs: of("info", "NInstalledJobs"),
    failedJobs: of("info", "NFailedJobs"),
  };
}

const MANAGER_NUMBERS: ReadonlySet<string> = new Set([
  "WatchdogLastPingTimestamp",
  "WatchdogLastPingTimestampMonotonic",
  "RuntimeWatchdogUSec",
  "NJobs",
  "NInstalledJobs",
  "NFailedJobs",
]);

/** systemd's largest number, which means that it has no value. */
const NO_VALUE = 2n ** 64n - 1n;

/** Reads a variant of a number; undefined if it has no value, or another type. */
function readNumber(reader: Reader): number | undefined {
  const type = reader.variantType();
  switch (type.code) {
    case "t": {
      const value = reader.uint64();
      return value === NO_VALUE ? undefined : Number(value);
    }
    case "u":
    case "b":
      return reader.uint32();
    case "i":
      return reader.int32();
    default:
      reader.skipType(type);
      return undefined;
  }
}

function readSeconds(reader: Reader): number | undefined {
  return scaled(readNumber(reader), 1e6);
}

function scaled(value: number | undefined, divisor: number): number | undefined {
  return value === undefined ? undefined : value / divisor;
}

/** Type of a service, or of a file system: `fuse.sshfs`. */
const SUBTYPE = /^[\w.+-]{0,64}$/;
/** A path of a device. */
const DEVICE = /^[\x20-\x7e]{0,255}$/;

function readSubtype(reader: Reader): string | undefined {
  return readText(reader, SUBTYPE);
}

/** Reads a variant of a text that systemd can have sent; undefined for anything else. */
function readText(reader: Reader, pattern: RegExp): string | undefined {
  const type = reader.variantType();
  if (type.code !== "s") {
    reader.skipType(type);
    return undefined;
  }
  const text = reader.string();
  return pattern.test(text) ? text : undefined;
}
