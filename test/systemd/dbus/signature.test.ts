import { expect, test } from "@jest/globals";
import {
  isSignature,
  leafType,
  parseSignature,
  parseSingleType,
} from "../../../src/systemd/dbus/signature.ts";

const leaves = "ybnqiuxtdhsogv".split("");

test("parses codes, alignments, sizes and fields of types", () => {
  expect(parseSignature("")).toEqual([]);
  expect(parseSignature("ya{sv}(tas)").map((type) => type.signature)).toEqual([
    "y",
    "a{sv}",
    "(tas)",
  ]);
  const [array] = parseSignature("a{sv}");
  expect(array).toMatchObject({ code: "a", alignment: 4, size: 0 });
  expect(array!.fields[0]).toMatchObject({ code: "{", signature: "{sv}", alignment: 8, size: 0 });
  expect(array!.fields[0]!.fields.map((type) => type.code)).toEqual(["s", "v"]);
  expect(leaves.map((code) => parseSingleType(code).alignment)).toEqual([
    1, 4, 2, 2, 4, 4, 8, 8, 8, 4, 4, 4, 1, 1,
  ]);
  expect(leaves.map((code) => parseSingleType(code).size)).toEqual([
    1, 4, 2, 2, 4, 4, 8, 8, 8, 4, 0, 0, 0, 0,
  ]);
});

test.each([
  "a".repeat(32) + "y",
  `${"(".repeat(32)}y${")".repeat(32)}`,
  `${"a(".repeat(32)}y${")".repeat(32)}`,
  `${"a{s".repeat(32)}y${"}".repeat(32)}`,
  "y".repeat(255),
  "a{s(iv)}a{oa{gh}}((yy)av)",
])("accepts the signature %s", (signature) => {
  expect(isSignature(signature)).toBe(true);
});

test.each([
  ["a".repeat(33) + "y", "more than 32 arrays deep"],
  [`${"(".repeat(33)}y${")".repeat(33)}`, "more than 32 structs deep"],
  ["y".repeat(256), "256 bytes long, more than 255"],
  ["a()", "an empty struct"],
  ["a", "it ends where a type is due"],
  ["(y", "it ends where a type is due"],
  ["y)", "no type at offset 1"],
  ["a{y", "it ends where a type is due"],
  ["a{}", "no type at offset 2"],
  ["a{y}", "no type at offset 3"],
  ["a{yyy}", "a dict entry of other than two types"],
  ["a{(y)y}", "a dict entry's key of no basic type"],
  ["a{vy}", "a dict entry's key of no basic type"],
  ["{yy}", "a dict entry outside an array"],
  ["m", "no type at offset 0"],
  ["\0", "no type at offset 0"],
])("rejects %s and reports why", (signature, why) => {
  expect(isSignature(signature)).toBe(false);
  expect(() => parseSignature(signature)).toThrow(why);
});

test("requires one complete type where a single one is expected", () => {
  expect(parseSingleType("a{sv}").code).toBe("a");
  expect(() => parseSingleType("")).toThrow("0 complete types where one is due");
  expect(() => parseSingleType("sv")).toThrow("2 complete types where one is due");
  expect(leafType(0x76)?.code).toBe("v");
  expect(leafType(0x61)).toBeUndefined();
  expect(leafType(0)).toBeUndefined();
});

test("parses more signatures than the cache holds", () => {
  const signature = (i: number) => `${"y".repeat(i % 200)}(${"u".repeat(1 + Math.floor(i / 200))})`;
  for (let round = 0; round < 2; round += 1) {
    for (let i = 0; i < 1000; i += 1) {
      expect(parseSignature(signature(i)).at(-1)!.signature).toMatch(/^\(u+\)$/);
      expect(parseSignature(signature(i))).toHaveLength((i % 200) + 1);
    }
  }
});
