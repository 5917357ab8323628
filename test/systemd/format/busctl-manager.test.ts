import { expect, test } from "@jest/globals";
import { parseManagerSignal } from "../../../src/systemd/format/busctl-manager.ts";

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
    isOwned: true,
  });
  expect(parseManagerSignal(line("NameOwnerChanged", [name, ":1.7", ""], bus))).toMatchObject({
    isOwned: false,
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
