import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import {
  parseBusctlSignal,
  parseManagerSignal,
  type PropertiesSignal,
} from "../../../src/systemd/format/busctl-line.ts";

function parsed(line: string): PropertiesSignal {
  const signal = parseBusctlSignal(line);
  if (signal === undefined || signal === "malformed") throw new Error(`${signal}: ${line}`);
  return signal;
}

const changed = (properties: string): PropertiesSignal =>
  parsed(
    `{"type":"signal","path":"/p","member":"PropertiesChanged","payload":{"data":["i",${properties},[]]}}`,
  );

test("reads recorded lines", () => {
  const text = readFileSync(
    new URL("../../fixtures/busctl/monitor.jsonl", import.meta.url),
    "utf8",
  );
  const results = text.trimEnd().split("\n").map(parseBusctlSignal);
  expect(results).toHaveLength(44);
  expect(results).not.toContain("malformed");
  const signals = results.filter((result) => result !== undefined && result !== "malformed");
  const loops = signals.filter(({ path }) => path.endsWith("/crash_2dloop_40a_3ab_2eservice"));
  const units = loops.filter(({ interfaceName }) => interfaceName.endsWith(".Unit"));
  expect(units.map((unit) => unit.property("SubState", "s")).join(" ")).toBe(
    "dead running running failed auto-restart auto-restart dead failed",
  );
  const failure = units.find((unit) => unit.property("ActiveState", "s") === "failed");
  expect(failure?.timeNs).toBe(1_795_345_333_709_844_000n);
  expect(failure?.property("StateChangeTimestamp", "t")).toBe(1_795_345_333_708_853n);
  const services = loops.filter(({ interfaceName }) => interfaceName.endsWith(".Service"));
  expect(services.at(-1)?.property("Result", "s")).toBe("exit-code");
  expect(services.at(-1)?.property("ExecMainStatus", "i")).toBe(3);
  expect(services.at(-1)?.property("NRestarts", "u")).toBe(0);
});

test("reads a property by its own type alone", () => {
  const signal = changed(
    '{"A":{"type":"s","data":"x"},"B":{"type":"u","data":7},"C":{"type":"t","data":8}}',
  );
  expect(signal.property("A", "s")).toBe("x");
  expect(signal.property("A", "u")).toBeUndefined();
  expect(signal.property("B", "u")).toBe(7);
  expect(signal.property("B", "i")).toBeUndefined();
  expect(signal.property("C", "t")).toBe(8n);
  expect(signal.property("D", "s")).toBeUndefined();
  expect(signal.property("constructor", "s")).toBeUndefined();
  expect(signal.property("__proto__", "s")).toBeUndefined();
});

test.each([
  ["s", "7"],
  ["s", "null"],
  ["u", '"7"'],
  ["u", "-1"],
  ["u", "1.5"],
  ["u", "4294967296"],
  ["i", "2147483648"],
  ["i", "1e400"],
  ["t", "18446744073709551615"],
  ["t", "-1"],
] as const)("ignores a property of type %s with the value %s", (type, data) => {
  expect(changed(`{"A":{"type":"${type}","data":${data}}}`).property("A", type)).toBeUndefined();
});

test("reads a property named __proto__", () => {
  const signal = changed(
    '{"__proto__":{"type":"s","data":"x"},"ActiveState":{"type":"s","data":"active"}}',
  );
  expect(signal.property("__proto__", "s")).toBe("x");
  expect(signal.property("ActiveState", "s")).toBe("active");
});

const signal = (fields: string): string =>
  `{"type":"signal","member":"PropertiesChanged"${fields}}`;
const GOOD = ',"path":"/p","payload":{"data":["i",{},[]]}';

test.each([
  ["a call", '{"type":"method_call","path":"/foo","member":"Bar","payload":{"data":[]}}'],
  ["a reply", '{"type":"method_return","payload":{"data":[]}}'],
  [
    "another signal",
    '{"type":"signal","member":"UnitNew","path":"/p","payload":{"data":["x","/x"]}}',
  ],
  ["another interface's", signal(`${GOOD},"interface":"com.example.Properties"`)],
])("skipped: %s", (_, line) => {
  expect(parseBusctlSignal(line)).toBeUndefined();
});

test.each([
  ["no JSON", "not json"],
  ["half a line", signal(GOOD).slice(0, -1)],
  ["an array", "[1]"],
  ["no type", '{"path":"/p"}'],
  ["a number as the type", '{"type":1}'],
  ["a number as the member", '{"type":"signal","member":1}'],
  ["a number as the interface", signal(`${GOOD},"interface":1`)],
  ["no path", signal(',"payload":{"data":["i",{},[]]}')],
  ["no payload", signal(',"path":"/p"')],
  ["a text as the data", signal(',"path":"/p","payload":{"data":"notanarray"}')],
  ["no properties", signal(',"path":"/p","payload":{"data":["i"]}')],
  ["a number as the interface name", signal(',"path":"/p","payload":{"data":[42,{},[]]}')],
  ["a text as the properties", signal(',"path":"/p","payload":{"data":["i","notamap",[]]}')],
  ["a list as the properties", signal(',"path":"/p","payload":{"data":["i",[],[]]}')],
  ["a text as the time", signal(`${GOOD},"timestamp-realtime":"1"`)],
  ["a time before 1970", signal(`${GOOD},"timestamp-realtime":-1`)],
  ["a time beyond 2^53", signal(`${GOOD},"timestamp-realtime":9007199254740993`)],
])("malformed: %s", (_, line) => {
  expect(parseBusctlSignal(line)).toBe("malformed");
});

const MANAGER = "org.freedesktop.systemd1.Manager";

/** A line of `busctl monitor`, as systemd 252's writes it. */
function line(member: string, data: readonly unknown[], more: Record<string, unknown> = {}) {
  return JSON.stringify({
    type: "signal",
    endian: "l",
    "timestamp-realtime": 1_795_345_333_696_753,
    sender: ":1.0",
    path: "/org/freedesktop/systemd1",
    interface: MANAGER,
    member,
    payload: { type: "so", data },
    ...more,
  });
}

test.each([
  ["UnitNew", { kind: "unit-new", unit: "a.service" }],
  ["UnitRemoved", { kind: "removed", unit: "a.service", timeNs: 1_795_345_333_696_753_000n }],
])("reads the unit of %s", (member, expected) => {
  const text = line(member, ["a.service", "/org/…/a_2eservice"]);
  expect(parseManagerSignal(text)).toEqual(expected);
});

test("reads signals of the manager itself", () => {
  expect(parseManagerSignal(line("Reloading", [true]))).toEqual({
    kind: "reloading",
    isActive: true,
  });
  expect(parseManagerSignal(line("Reloading", [false]))).toMatchObject({ isActive: false });
  expect(parseManagerSignal(line("StartupFinished", [1, 2, 3, 4, 5, 6]))).toEqual({
    kind: "startup-finished",
  });
});

test("reads the owner of systemd's name", () => {
  const bus = { interface: "org.freedesktop.DBus", path: "/org/freedesktop/DBus" };
  const name = "org.freedesktop.systemd1";
  expect(parseManagerSignal(line("NameOwnerChanged", [name, "", ":1.7"], bus))).toEqual({
    kind: "owner-changed",
    owner: "new",
  });
  expect(parseManagerSignal(line("NameOwnerChanged", [name, ":1.7", ""], bus))).toMatchObject({
    owner: "none",
  });
  expect(parseManagerSignal(line("NameOwnerChanged", [name, ":1.7", ":1.9"], bus))).toMatchObject({
    owner: "passed",
  });
  expect(parseManagerSignal(line("NameOwnerChanged", [":1.9", "", ":1.9"], bus))).toBeUndefined();
});

test.each([
  ["another member", line("JobNew", [7, "/job/7", "a.service"])],
  ["a call", line("UnitNew", ["a.service"], { type: "method_call" })],
  ["another interface", line("UnitNew", ["a.service"], { interface: "org.example" })],
  ["no unit", line("UnitRemoved", [])],
  ["a unit without a name", line("UnitRemoved", ["", "/"])],
  ["a name that is too long", line("UnitRemoved", ["x".repeat(256), "/"])],
  ["no payload", line("UnitRemoved", [], { payload: 7 })],
  ["no JSON", `{"interface":"${MANAGER}"`],
])("ignores %s", (_what, text) => {
  expect(parseManagerSignal(text)).toBeUndefined();
});

test("reads a removal without a time", () => {
  const text = line("UnitRemoved", ["a.service", "/"], { "timestamp-realtime": "now" });
  expect(parseManagerSignal(text)).toMatchObject({ unit: "a.service", timeNs: 0n });
});
