import { expect, test } from "@jest/globals";
import {
  BOOT_STAGES,
  noReading,
  READING_GROUPS,
  seriesOfUnit,
  type UnitReading,
} from "../../../src/domain/readings.ts";
import type { Message } from "../../../src/systemd/dbus/message.ts";
import { encodeMessage } from "../../../src/systemd/dbus/encode.ts";
import { Variant } from "../../../src/systemd/dbus/value.ts";
import {
  addProperties,
  queriesOf,
  readManagerReading,
} from "../../../src/systemd/format/readings.ts";
import { messageOf, recordedFrames } from "../dbus/support/frames.ts";

const ALL = new Set(READING_GROUPS);

/** The recorded answer of GetAll that has this property. */
function recordedReply(property: string): Message {
  const replies = recordedFrames("systemd-252.bin.gz")
    .map((frame) => messageOf(frame))
    .filter(({ signature }) => signature === "a{sv}");
  for (const reply of replies) {
    const [properties] = reply.body() as [ReadonlyMap<string, unknown>];
    if (properties.has(property)) return reply;
  }
  throw new Error(`no recorded answer has ${property}`);
}

/** An answer of GetAll. */
function replyOf(properties: Record<string, Variant>): Message {
  const body = [new Map(Object.entries(properties))];
  const header = { type: "method_return", serial: 1, replySerial: 1 } as const;
  return messageOf(encodeMessage({ ...header, signature: "a{sv}", body }));
}

/** Returns all values of a unit in an answer of GetAll. */
function readingOf(unit: string, reply: Message): Partial<UnitReading> {
  const reading = noReading();
  const properties = queriesOf(unit, ALL).flatMap((query) => query.properties);
  addProperties(reading, new Set(properties), reply);
  return Object.fromEntries(Object.entries(reading).filter(([, value]) => value !== undefined));
}

test("reads a recorded service, without the values that systemd doesn't have", () => {
  expect(readingOf("dbus.service", recordedReply("NRestarts"))).toEqual({
    tasks: 1,
    tasksMax: 28_909,
    memory: 1_011_712,
    subtype: "notify",
    exitCode: 0,
    exitStatus: 0,
  });
});

test("reads a recorded socket", () => {
  expect(readingOf("dbus.socket", recordedReply("NAccepted"))).toEqual({
    accepted: 0,
    connections: 0,
    refused: 0,
  });
});

test("reads the times and conditions of a recorded unit", () => {
  expect(readingOf("dbus.target", recordedReply("ConditionResult"))).toEqual({
    activeEnter: 1_795_345_516.115126,
    activeExit: 0,
    inactiveEnter: 0,
    inactiveExit: 1_795_345_516.103047,
    conditionTime: 1_795_345_516.10174,
    isConditionMet: true,
  });
});

test("reads the recorded manager", () => {
  const { bootTimes, bootMonotonic, ...others } = readManagerReading(recordedReply("NJobs"), ALL);
  expect(others).toEqual({
    watchdogDevice: "",
    pingTime: undefined,
    pingMonotonic: undefined,
    watchdogSeconds: 0,
    jobs: 0,
    installedJobs: 87,
    failedJobs: 1,
  });
  expect([...bootTimes.keys()].toSorted()).toEqual(BOOT_STAGES.toSorted());
  expect(bootTimes.get("Finish")).toBe(1_795_345_516.17281);
  expect(bootMonotonic.get("Finish")).toBe(1_851.916597);
  expect(bootTimes.get("Firmware")).toBe(0);
});

test("reads of the manager what the groups have, and nothing else", () => {
  const reply = recordedReply("NJobs");
  expect(readManagerReading(reply, new Set(["watchdog"]))).toMatchObject({
    watchdogDevice: "",
    jobs: undefined,
    bootTimes: new Map(),
  });
  expect(readManagerReading(reply, new Set(["info"]))).toMatchObject({
    watchdogDevice: undefined,
    jobs: 0,
    bootMonotonic: new Map(),
  });
});

test("leaves out values of another type, and texts that systemd doesn't have", () => {
  const text = new Variant("s", "many");
  expect(readingOf("a.service", replyOf({ TasksCurrent: text, CPUUsageNSec: text }))).toEqual({});
  const types = [
    ["notify-reload", "notify-reload"],
    ["fuse.sshfs", "fuse.sshfs"],
    ['evil"\n', undefined],
    ["x".repeat(65), undefined],
  ] as const;
  for (const [type, subtype] of types) {
    const { subtype: read } = readingOf("a.mount", replyOf({ Type: new Variant("s", type) }));
    expect(read).toBe(subtype);
  }
  const device = new Variant("s", "/dev/\u0007");
  expect(readManagerReading(replyOf({ WatchdogDevice: device }), ALL).watchdogDevice).toBe(
    undefined,
  );
});

test("reads CPU time as seconds, and a time of a timer with microseconds", () => {
  const cpu = replyOf({ CPUUsageNSec: new Variant("t", 1_234_567_891n) });
  expect(readingOf("a.slice", cpu)).toEqual({ cpuSeconds: 1.234567891 });
  const timer = replyOf({ LastTriggerUSec: new Variant("t", 1_795_345_516_172_810n) });
  expect(readingOf("a.timer", timer)).toEqual({ lastTrigger: 1_795_345_516.17281 });
});

test("queries timers and sockets of the default groups, and no other unit", () => {
  const groups = new Set(["timers", "sockets"] as const);
  const names = ["a.service", "a.timer", "a.socket", "a.mount", "a.path", "odd"];
  expect(names.filter((name) => queriesOf(name, groups).length > 0)).toEqual([
    "a.timer",
    "a.socket",
  ]);
  expect(queriesOf("a.socket", groups)).toEqual([
    {
      interfaceName: "org.freedesktop.systemd1.Socket",
      properties: ["NAccepted", "NConnections", "NRefused"],
    },
  ]);
});

test("counts as many series as a unit has properties that are shown", () => {
  const hidden = new Set(["ConditionTimestamp"]);
  for (const type of ["service", "socket", "timer", "mount", "slice", "scope", "swap", "path"]) {
    for (const group of READING_GROUPS) {
      const groups = new Set([group]);
      const properties = queriesOf(`a.${type}`, groups).flatMap((query) => query.properties);
      const shown = properties.filter((property) => !hidden.has(property));
      expect([type, group, seriesOfUnit(type, groups)]).toEqual([type, group, shown.length]);
    }
  }
});
