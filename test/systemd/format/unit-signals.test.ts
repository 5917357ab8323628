import { expect, test } from "@jest/globals";
import { PropertiesSignal } from "../../../src/systemd/format/busctl-line.ts";
import { timeNsOf } from "../../../src/systemd/format/timestamps.ts";
import {
  invocationText,
  serviceSignalOf,
  systemdWord,
  unitSignalOf,
} from "../../../src/systemd/format/unit-signals.ts";

const TIME_NS = 1_795_345_333_696_753_000n;

type Variant = { readonly type: string; readonly data: unknown };

function signal(
  changed: Readonly<Record<string, Variant>>,
  path = "/org/freedesktop/systemd1/unit/munge_2eservice",
): PropertiesSignal {
  const header = { path, interfaceName: "org.freedesktop.systemd1.Unit", timeNs: TIME_NS };
  return new PropertiesSignal(header, changed);
}

const ACTIVE: Readonly<Record<string, Variant>> = {
  ActiveState: { type: "s", data: "active" },
  SubState: { type: "s", data: "running" },
};

test("reads a Unit signal with exact times", () => {
  const us = Number(TIME_NS / 1_000n);
  expect(
    unitSignalOf(
      signal({
        ...ACTIVE,
        StateChangeTimestamp: { type: "t", data: us - 7 },
        ActiveEnterTimestamp: { type: "t", data: us - 9 },
        InvocationID: { type: "ay", data: Array.from({ length: 16 }, (_, at) => at) },
      }),
    ),
  ).toEqual({
    kind: "unit",
    unit: "munge.service",
    activeState: "active",
    subState: "running",
    stateChangeNs: TIME_NS - 7_000n,
    activeEnterNs: TIME_NS - 9_000n,
    invocationId: "000102030405060708090a0b0c0d0e0f",
    timeNs: TIME_NS,
  });
});

test.each([
  [{}, false],
  [{ Job: { type: "(uo)", data: [0, "/"] } }, false],
  [{ Job: { type: "(uo)", data: [7, "/job/7"] } }, true],
  [{ Job: { type: "(uo)", data: [-7, "/job/7"] } }, false],
  [{ Job: { type: "(uo)", data: 7 } }, false],
])("reads the job of shutdown.target: %j", (job, hasJob) => {
  const path = "/org/freedesktop/systemd1/unit/shutdown_2etarget";
  expect(unitSignalOf(signal({ ...ACTIVE, ...job }, path))).toMatchObject({ hasJob });
  expect(unitSignalOf(signal({ ...ACTIVE, ...job }))?.hasJob).toBeUndefined();
});

test.each([
  ["running", undefined],
  ["frozen", "frozen"],
  ["on ice", undefined],
])("reads the FreezerState %s", (data, frozenState) => {
  const unit = unitSignalOf(signal({ ...ACTIVE, FreezerState: { type: "s", data } }));
  expect(unit?.frozenState).toBe(frozenState);
});

test("uses defaults for what a Unit signal lacks", () => {
  expect(unitSignalOf(signal({ ActiveState: ACTIVE["ActiveState"] as Variant }))).toEqual({
    kind: "unit",
    unit: "munge.service",
    activeState: "active",
    subState: "",
    stateChangeNs: TIME_NS,
    activeEnterNs: 0n,
    invocationId: "",
    timeNs: TIME_NS,
  });
});

test("returns 0 when a unit never changed", () => {
  const never = { ...ACTIVE, StateChangeTimestamp: { type: "t", data: 0 } };
  expect(unitSignalOf(signal(never))?.stateChangeNs).toBe(0n);
});

test.each([
  ["no state", {}],
  ["another word", { ActiveState: { type: "s", data: "odd" } }],
  ["a word that objects have", { ActiveState: { type: "s", data: "constructor" } }],
  ["a number", { ActiveState: { type: "u", data: 1 } }],
])("ignores a Unit signal with %s", (_what, changed) => {
  expect(unitSignalOf(signal(changed))).toBeUndefined();
});

test("ignores a signal without a unit", () => {
  expect(unitSignalOf(signal(ACTIVE, "/org/freedesktop/systemd1"))).toBeUndefined();
  expect(serviceSignalOf(signal({}, "/org/freedesktop/systemd1/job/7"))).toBeUndefined();
});

test("reads a Service signal", () => {
  expect(
    serviceSignalOf(
      signal({
        Result: { type: "s", data: "exit-code" },
        NRestarts: { type: "u", data: 4 },
        ExecMainStatus: { type: "i", data: 203 },
      }),
    ),
  ).toEqual({
    kind: "service",
    unit: "munge.service",
    result: "exit-code",
    restarts: 4,
    exitStatus: 203,
    timeNs: TIME_NS,
  });
  expect(serviceSignalOf(signal({ Result: { type: "s", data: "<script>" } }))).toEqual({
    kind: "service",
    unit: "munge.service",
    result: undefined,
    restarts: undefined,
    exitStatus: undefined,
    timeNs: TIME_NS,
  });
});

test.each([
  ["exit-code", "exit-code"],
  ["auto-restart-queued", "auto-restart-queued"],
  ["x".repeat(64), "x".repeat(64)],
  ["x".repeat(65), undefined],
  ["", undefined],
  ["Two Words", undefined],
  ["a\nb", undefined],
  [undefined, undefined],
])("%j as a word of systemd's is %j", (text, word) => {
  expect(systemdWord(text)).toBe(word);
});

test("replaces a time that is missing, or days ahead of its signal", () => {
  const dayUs = 86_400_000_000n;
  const us = TIME_NS / 1_000n;
  expect(timeNsOf(us, TIME_NS, 5n)).toBe(TIME_NS);
  expect(timeNsOf(us + dayUs, TIME_NS, 5n)).toBe(TIME_NS + dayUs * 1_000n);
  expect(timeNsOf(us + dayUs + 1n, TIME_NS, 5n)).toBe(5n);
  expect(timeNsOf(undefined, TIME_NS, 5n)).toBe(5n);
});

test("reads an InvocationID only of 16 bytes", () => {
  expect(invocationText(new Uint8Array(16).fill(255))).toBe("f".repeat(32));
  for (const length of [0, 15, 17]) expect(invocationText(new Uint8Array(length))).toBe("");
});
