import { expect, test } from "@jest/globals";
import {
  parseFreezerStates,
  parseGetUnit,
  parseListUnits,
  parseManager,
} from "../../../src/systemd/format/busctl-list.ts";

const list = (rows: unknown): string => JSON.stringify({ type: "a(ssssssouso)", data: [rows] });

test("reads the rows of ListUnits", () => {
  const rows = [
    ["munge.service", "MUNGE", "loaded", "active", "running", "", "/p", 0, "", "/"],
    ["-.mount", "Root", "loaded", "maintenance", "mounted", "", "/p", 0, "", "/"],
    [String.raw`a\x2db@x.service`, "", "not-found", "inactive", "dead", "", "/p", 0, "", "/"],
  ];
  expect(parseListUnits(list(rows))).toEqual([
    { name: "munge.service", activeState: "active", subState: "running" },
    { name: "-.mount", activeState: "maintenance", subState: "mounted" },
    {
      name: String.raw`a\x2db@x.service`,
      loadFault: "not-found",
      activeState: "inactive",
      subState: "dead",
    },
  ]);
  expect(parseListUnits(list([]))).toEqual([]);
});

test.each(["", "oops", "[]", "{}", '{"data":{}}', '{"data":[]}', '{"data":["x"]}', "null"])(
  "returns undefined for %j",
  (text) => {
    expect(parseListUnits(text)).toBeUndefined();
  },
);

test("leaves out rows that systemd can't have sent", () => {
  const rows = [
    "a.service",
    [],
    ["", "", "", "active", "running"],
    [7, "", "", "active", "running"],
    ["odd.service", "", "", "odd", "running"],
    ["a.service", "", "", "active", 7],
    ["x".repeat(256), "", "", "active", "running"],
    ["__proto__", "", "", "active", "<b>"],
  ];
  expect(parseListUnits(list(rows))).toEqual([
    { name: "__proto__", activeState: "active", subState: "" },
  ]);
});

test("replaces half a character in a name", () => {
  const [row] = parseListUnits(list([["a\uD800.service", "", "", "active", "x"]])) ?? [];
  expect(row?.name).toBe("a\uFFFD.service");
});

test("reads the manager's properties, a line each, and leaves out what is malformed", () => {
  const lines = (...data: readonly unknown[]): string =>
    data.map((each) => JSON.stringify({ type: "?", data: each })).join("\n");
  const none = { version: undefined, systemState: undefined };
  expect(parseManager(lines("257", "running", 1_796_066_890_637_497, 2))).toEqual({
    version: "257",
    systemState: "running",
    userspaceUs: 1_796_066_890_637_497n,
    softReboots: 2,
  });
  expect(parseManager(`${lines("252", "running", 7)}\n`)).toEqual({
    version: "252",
    systemState: "running",
    userspaceUs: 7n,
    softReboots: undefined,
  });
  const malformed = { ...none, userspaceUs: undefined, softReboots: undefined };
  expect(parseManager(lines(7, null, "x", -1))).toEqual(malformed);
  expect(parseManager(lines({}, [], 2 ** 60, 1.5))).toEqual(malformed);
  expect(parseManager("oops\noops\n")).toEqual(malformed);
  expect(parseManager("")).toEqual(malformed);
});

test("reads the FreezerStates of units", () => {
  const text =
    "Id=a.service\nFreezerState=frozen\n\nFreezerState=running\nId=b.service\n\n" +
    "Id=c.service\n\nFreezerState=frozen\n\nId=d.service\nFreezerState=on ice\n";
  expect(parseFreezerStates(text)).toEqual([
    ["a.service", "frozen"],
    ["b.service", undefined],
    ["d.service", undefined],
  ]);
  expect(parseFreezerStates("")).toEqual([]);
});

test("reads the Id of a unit from its path, and that it isn't loaded", () => {
  const output = { exitCode: 0, stdout: "", stderr: "" };
  const path = "/org/freedesktop/systemd1/unit/dbus_2dbroker_2eservice";
  const stdout = `{"type":"o","data":["${path}"]}\n`;
  expect(parseGetUnit({ ...output, stdout })).toEqual({ id: "dbus-broker.service" });
  const stderr = "Call failed: Unit nonesuch.service not loaded.\n";
  expect(parseGetUnit({ exitCode: 1, stdout: "", stderr })).toEqual({ id: undefined });
  expect(parseGetUnit({ exitCode: 1, stdout: stderr, stderr: "" })).toEqual({ id: undefined });
});

test.each([
  { exitCode: 1, stdout: "", stderr: "Call failed: Access denied" },
  { exitCode: 0, stdout: "", stderr: "" },
  { exitCode: 0, stdout: "oops", stderr: "" },
  { exitCode: 0, stdout: '{"type":"o","data":["/"]}', stderr: "" },
  { exitCode: 0, stdout: '{"type":"o","data":[7]}', stderr: "" },
  { exitCode: 0, stdout: '{"type":"o","data":"/org"}', stderr: "" },
])("takes %j for no answer about a unit", (output) => {
  expect(parseGetUnit(output)).toBeUndefined();
});
