import { expect, test } from "@jest/globals";
import { parseListUnits, parseStrings } from "../../../src/systemd/format/busctl-list.ts";

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

test("reads a property a line, and leaves out what is no text", () => {
  expect(parseStrings('{"type":"s","data":"252"}\n{"type":"s","data":"running"}\n')).toEqual([
    "252",
    "running",
  ]);
  expect(parseStrings('{"type":"u","data":7}\noops\n{"type":"s","data":"x"}')).toEqual([
    undefined,
    undefined,
    "x",
  ]);
  expect(parseStrings("")).toEqual([undefined]);
});
