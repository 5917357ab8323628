import { expect, test } from "@jest/globals";
import { encodeMessage } from "../../../src/systemd/dbus/encode.ts";
import type { Message } from "../../../src/systemd/dbus/message.ts";
import { type Value, Variant } from "../../../src/systemd/dbus/value.ts";
import { PropertyReader, readUnitRows } from "../../../src/systemd/format/dbus-signals.ts";
import { unitPath } from "../../../src/systemd/format/objects.ts";
import { messageOf, recordedFrames } from "../dbus/support/frames.ts";
import { RecordedSink } from "../../support/systemd/recorded-sink.ts";

const SYSTEMD = "org.freedesktop.systemd1";
const NOW_NS = 1_800_000_000_000_000_000n;
const recorded = recordedFrames("systemd-252.bin.gz").map(messageOf);

function signalOf(
  of: string,
  properties: Record<string, Variant>,
  path = unitPath("a.service"),
): Message {
  const signal = {
    path,
    interface: "org.freedesktop.DBus.Properties",
    member: "PropertiesChanged",
  };
  const body: Value[] = [`${SYSTEMD}.${of}`, new Map(Object.entries(properties)), []];
  return messageOf(
    encodeMessage({ type: "signal", serial: 1, ...signal, signature: "sa{sv}as", body }),
  );
}

function read(...messages: readonly Message[]): RecordedSink {
  const sink = new RecordedSink();
  const reader = new PropertyReader(sink.take);
  for (const message of messages) reader.read(message, NOW_NS);
  return sink;
}

const active = { ActiveState: new Variant("s", "active"), SubState: new Variant("s", "running") };

test("skips properties whose names are as long as those that are read", () => {
  const twins = {
    StateActive: new Variant("s", "failed"),
    StateSub: new Variant("as", ["dead"]),
    AssertEnterTimestamp: new Variant("t", 1n),
    InvocationXX: new Variant("ay", new Uint8Array(16)),
  };
  const [unit] = read(signalOf("Unit", { ...twins, ...active, ...twins })).units;
  expect(unit).toMatchObject({ activeState: "active", subState: "running", invocationId: "" });
});

test.each([
  ["shutdown.target", 0, false],
  ["shutdown.target", 7, true],
  ["a.service", 7, undefined],
])("reads the job of shutdown.target alone: %s, job %d", (unit, job, hasJob) => {
  const Job = new Variant("(uo)", [job, "/j"]);
  const after = { SubState: new Variant("s", "dead") };
  const [signal] = read(signalOf("Unit", { ...active, Job, ...after }, unitPath(unit))).units;
  expect(signal).toMatchObject({ unit, subState: "dead", hasJob });
});

test.each([
  ["running", undefined],
  ["frozen", "frozen"],
  ["thawing", "thawing"],
  ["freezing-by-parent", "freezing-by-parent"],
  ["on ice", undefined],
])("reads the FreezerState %s", (word, frozenState) => {
  const FreezerState = new Variant("s", word);
  const [first, second] = read(
    signalOf("Unit", { ...active, FreezerState }),
    signalOf("Unit", active),
  ).units;
  expect(first).toMatchObject({ activeState: "active", frozenState });
  expect(second).toMatchObject({ activeState: "active", frozenState: undefined });
});

test("reads systemd 252's signals of a crash loop", () => {
  const sink = read(...recorded.filter(({ member }) => member === "PropertiesChanged"));
  const units = sink.units.filter(({ unit }) => unit === "crash-loop.service");
  const states = units.map(({ activeState, subState }) => `${activeState}/${subState}`);
  const changes = states.filter((state, i) => state !== states[i - 1]);
  expect(new Set(changes)).toEqual(
    new Set(["active/running", "failed/failed", "activating/auto-restart", "inactive/dead"]),
  );
  expect(changes.filter((state) => state === "activating/auto-restart")).toHaveLength(15);
  for (const { activeState, stateChangeNs, activeEnterNs, invocationId, timeNs } of units) {
    expect(invocationId).toMatch(/^[0-9a-f]{32}$/);
    expect(timeNs).toBe(NOW_NS);
    expect(stateChangeNs >= activeEnterNs).toBe(true);
    const isNew = activeState === "inactive" || activeState === "activating";
    expect(isNew || stateChangeNs > 1_600_000_000_000_000_000n).toBe(true);
  }
  const services = sink.services.filter(({ unit }) => unit === "crash-loop.service");
  expect(Math.max(...services.map(({ restarts }) => restarts ?? 0))).toBe(15);
  const failed = services.filter(({ result }) => result === "exit-code");
  expect(new Set(failed.map(({ exitStatus }) => exitStatus))).toEqual(new Set([3]));
  expect(sink.units.every(({ unit }) => unit.includes("."))).toBe(true);
});

test("reads a Unit signal right after the Service signal of a change", () => {
  const { history } = read(...recorded.filter(({ member }) => member === "PropertiesChanged"));
  const loop = history.filter((line) => line.includes(" crash-loop.service "));
  const after = loop.filter((_, i) => loop[i - 1]?.startsWith("service"));
  expect(after.length).toBeGreaterThan(50);
  expect(after.filter((line) => !line.startsWith("unit"))).toEqual([]);
});

test("reads systemd 252's listing", () => {
  const reply = recorded.find(({ signature }) => signature === "a(ssssssouso)");
  const rows = readUnitRows(reply!);
  expect(rows.length).toBeGreaterThan(50);
  expect(rows).toContainEqual({
    name: "dbus.service",
    activeState: "active",
    subState: "running",
  });
});

test("resets what a signal lacks, instead of repeating the last signal", () => {
  const { units, services } = read(
    signalOf("Unit", {
      ...active,
      StateChangeTimestamp: new Variant("t", 5n),
      ActiveEnterTimestamp: new Variant("t", 4n),
      InvocationID: new Variant("ay", new Uint8Array(16).fill(0xab)),
    }),
    signalOf("Unit", { ActiveState: new Variant("s", "failed") }, unitPath("b.service")),
    signalOf("Service", {
      Result: new Variant("s", "signal"),
      NRestarts: new Variant("u", 7),
      ExecMainStatus: new Variant("i", -9),
    }),
    signalOf("Service", {}, unitPath("b.service")),
  );
  expect(units).toEqual([
    {
      kind: "unit",
      unit: "a.service",
      activeState: "active",
      subState: "running",
      stateChangeNs: 5_000n,
      activeEnterNs: 4_000n,
      invocationId: "ab".repeat(16),
      timeNs: NOW_NS,
    },
    {
      kind: "unit",
      unit: "b.service",
      activeState: "failed",
      subState: "",
      stateChangeNs: NOW_NS,
      activeEnterNs: 0n,
      invocationId: "",
      timeNs: NOW_NS,
    },
  ]);
  expect(services).toEqual([
    {
      kind: "service",
      unit: "a.service",
      result: "signal",
      restarts: 7,
      exitStatus: -9,
      timeNs: NOW_NS,
    },
    {
      kind: "service",
      unit: "b.service",
      result: undefined,
      restarts: undefined,
      exitStatus: undefined,
      timeNs: NOW_NS,
    },
  ]);
});

test("replaces an impossible time", () => {
  const never = new Variant("t", 2n ** 64n - 1n);
  const times = { StateChangeTimestamp: never, ActiveEnterTimestamp: never };
  const [unit] = read(signalOf("Unit", { ...active, ...times })).units;
  expect(unit).toMatchObject({ stateChangeNs: NOW_NS, activeEnterNs: 0n });
});

test("accepts times of a clock that is a day ahead", () => {
  const us = (NOW_NS + 86_400_000_000_000n) / 1_000n;
  const changeOf = (each: bigint): bigint | undefined =>
    read(signalOf("Unit", { ...active, StateChangeTimestamp: new Variant("t", each) })).units[0]
      ?.stateChangeNs;
  expect(changeOf(us)).toBe(us * 1_000n);
  expect(changeOf(us + 1n)).toBe(NOW_NS);
  expect(changeOf(0n)).toBe(0n);
});

test.each([
  ["a state that systemd hasn't", { ActiveState: new Variant("s", "broken") }],
  ["no state", { SubState: new Variant("s", "running") }],
])("leaves out a Unit signal with %s", (_what, properties) => {
  expect(read(signalOf("Unit", properties)).history).toEqual([]);
});

test.each([
  ["a sub state", { ...active, SubState: new Variant("s", "no\nword") }, { subState: "" }],
  [
    "a run",
    { ...active, InvocationID: new Variant("ay", new Uint8Array(17)) },
    { invocationId: "" },
  ],
])("ignores %s that is invalid", (_what, properties, expected) => {
  expect(read(signalOf("Unit", properties)).units).toEqual([expect.objectContaining(expected)]);
});

test("ignores an invalid result", () => {
  const properties = { Result: new Variant("s", "x".repeat(65)), NRestarts: new Variant("u", 1) };
  const [service] = read(signalOf("Service", properties)).services;
  expect(service).toMatchObject({ result: undefined, restarts: 1 });
});

test.each([
  ["of another interface", signalOf("Slice", active)],
  ["of no unit", signalOf("Unit", active, "/org/freedesktop/systemd1")],
  ["of a job", signalOf("Unit", active, "/org/freedesktop/systemd1/job/12")],
  ["of a name with a line's end", signalOf("Unit", active, `${unitPath("a")}_0ab`)],
  ["of a name that is too long", signalOf("Unit", active, unitPath("x".repeat(256)))],
])("leaves out a signal %s", (_what, message) => {
  expect(read(message).history).toEqual([]);
});
