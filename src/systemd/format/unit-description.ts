import type { UnitDescription } from "../../domain/unit-description.ts";
import { MAX_UNIT_NAME_BYTES } from "../../domain/unit.ts";
import type { Message } from "../dbus/message.ts";
import type { Reader } from "../dbus/reader.ts";
import { systemdWord } from "./unit-signals.ts";

/** Units of a list, and characters of a text, that are kept. */
const MAX_UNITS = 20;
const MAX_CHARS = 500;
/** systemd's largest number: no value, or no limit. */
const NO_VALUE = 2n ** 64n - 1n;
/** The code of waitid(2) for a process that a signal ended without a core dump. */
const KILLED = 2n;
/** Times past this are forged, or stand for never: about the year 2100, in microseconds. */
const MAX_US = 4_102_444_800_000_000n;

/** Numbers by property, of any of systemd's integer types. */
const NUMBERS: ReadonlySet<string> = new Set([
  "ActiveEnterTimestamp",
  "ActiveEnterTimestampMonotonic",
  "StateChangeTimestamp",
  "NextElapseUSecRealtime",
  "NextElapseUSecMonotonic",
  "ExecMainCode",
  "ExecMainPID",
  "ExecMainStatus",
  "MemoryCurrent",
  "MemoryPeak",
  "MemoryMax",
]);
const TEXTS: ReadonlySet<string> = new Set(["Description", "Result", "Restart"]);
const LISTS: ReadonlySet<string> = new Set(["TriggeredBy", "Triggers"]);

/** Reads the answer of GetAll for all interfaces of a unit. A property of another type is left out. */
export function readUnitDescription(reply: Message): UnitDescription {
  const numbers = new Map<string, bigint>();
  const texts = new Map<string, string>();
  const lists = new Map<string, readonly string[]>();
  let command = "";
  reply.read("a{sv}", (reader) => {
    const outer = reader.enterArray(8);
    while (reader.more) {
      const property = reader.struct().string();
      if (NUMBERS.has(property)) readNumber(reader, (value) => numbers.set(property, value));
      else if (TEXTS.has(property)) readText(reader, (text) => texts.set(property, text));
      else if (LISTS.has(property)) readList(reader, (list) => lists.set(property, list));
      else if (property === "ExecStart") readCommand(reader, (path) => (command ||= path));
      else reader.skipVariant();
    }
    reader.leave(outer);
  });
  const amount = (property: string): number | undefined => {
    const value = numbers.get(property) ?? NO_VALUE;
    return value === NO_VALUE ? undefined : Number(value);
  };
  return {
    description: texts.get("Description") ?? "",
    command,
    triggeredBy: lists.get("TriggeredBy") ?? [],
    triggers: lists.get("Triggers") ?? [],
    nextRunNs: nextRunNs(numbers),
    restartPolicy: systemdWord(texts.get("Restart") ?? ""),
    result: systemdWord(texts.get("Result") ?? ""),
    exitStatus: amount("ExecMainStatus"),
    mainPid: amount("ExecMainPID") || undefined,
    isMainKilled: numbers.get("ExecMainCode") === KILLED,
    stateChangeNs: timeNs(numbers.get("StateChangeTimestamp")),
    memoryBytes: amount("MemoryCurrent"),
    memoryPeakBytes: amount("MemoryPeak"),
    memoryMaxBytes: amount("MemoryMax"),
  };
}

/** A timer elapses by the clock or, counted from an event, by the time since the kernel's start. */
function nextRunNs(numbers: ReadonlyMap<string, bigint>): bigint {
  const realtimeNs = timeNs(numbers.get("NextElapseUSecRealtime"));
  const monotonicUs = numbers.get("NextElapseUSecMonotonic") ?? 0n;
  const enterUs = numbers.get("ActiveEnterTimestamp") ?? 0n;
  const enterMonotonicUs = numbers.get("ActiveEnterTimestampMonotonic") ?? 0n;
  const isKnown = monotonicUs > 0n && enterUs > 0n && enterMonotonicUs > 0n;
  const monotonicNs = isKnown ? timeNs(enterUs + monotonicUs - enterMonotonicUs) : 0n;
  if (realtimeNs === 0n || monotonicNs === 0n) return realtimeNs || monotonicNs;
  return realtimeNs < monotonicNs ? realtimeNs : monotonicNs;
}

function timeNs(timeUs = 0n): bigint {
  return timeUs > 0n && timeUs < MAX_US ? timeUs * 1_000n : 0n;
}

function readNumber(reader: Reader, take: (value: bigint) => void): void {
  const type = reader.variantType();
  if (type.code === "t") take(reader.uint64());
  else if (type.code === "i") take(BigInt(reader.int32()));
  else if (type.code === "u") take(BigInt(reader.uint32()));
  else reader.skipType(type);
}

function readText(reader: Reader, take: (text: string) => void): void {
  const type = reader.variantType();
  if (type.code === "s") take(reader.string().slice(0, MAX_CHARS));
  else reader.skipType(type);
}

function readList(reader: Reader, take: (names: readonly string[]) => void): void {
  const type = reader.variantType();
  if (type.code !== "a" || type.fields[0]?.code !== "s") {
    reader.skipType(type);
    return;
  }
  const names: string[] = [];
  reader.array("s", (each) => {
    const name = each.string();
    if (names.length < MAX_UNITS && name.length < MAX_UNIT_NAME_BYTES) names.push(name);
  });
  take(names);
}

/** Reads the path of each command of ExecStart. */
function readCommand(reader: Reader, take: (path: string) => void): void {
  const type = reader.variantType();
  const item = type.code === "a" ? type.fields[0] : undefined;
  if (item?.code !== "(" || item.fields[0]?.code !== "s") {
    reader.skipType(type);
    return;
  }
  const [, ...rest] = item.fields;
  const outer = reader.enterArray(8);
  while (reader.more) {
    take(reader.struct().string().slice(0, MAX_CHARS));
    for (const field of rest) reader.skipType(field);
  }
  reader.leave(outer);
}
