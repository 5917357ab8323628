import { expect, test } from "@jest/globals";
import {
  commandName,
  anchoredRegExp,
  byteSize,
  durationMs,
  oneOf,
  trueOrFalse,
  wholeNumber,
} from "../../../src/config/flag/scalars.ts";

test.each([
  ["0", 0],
  ["0s", 0],
  ["250ms", 250],
  ["5m", 300_000],
  ["1h30m", 5_400_000],
  ["1d2h3m4s5ms", 93_784_005],
  ["2w", 1_209_600_000],
  ["1y", 31_536_000_000],
  ["90s", 90_000],
])("parses the duration %s as %d ms", (text, ms) => {
  expect(durationMs(text)).toBe(ms);
});

test.each(["", "5", "m", "5 m", "1.5h", "-5m", "30m1h", "5m5m", "5M", "1e3s", "5m\n", "٣s", "11y"])(
  "rejects the duration %j",
  (text) => {
    expect(() => durationMs(text)).toThrow(/^expected a duration/);
  },
);

test.each([
  ["0", 0],
  ["1024", 1024],
  ["17B", 17],
  ["512KB", 512_000],
  ["1MB", 1_000_000],
  ["256MiB", 268_435_456],
  ["1GiB", 1_073_741_824],
  ["2TiB", 2_199_023_255_552],
])("parses the size %s as %d bytes", (text, bytes) => {
  expect(byteSize(text)).toBe(bytes);
});

test.each(["", "MiB", "1.5GiB", "-1", "1 GiB", "1gib", "1G", "1iB", "99999999TiB", "0x10"])(
  "rejects the size %j",
  (text) => {
    expect(() => byteSize(text)).toThrow(/^expected a size/);
  },
);

test("accepts only decimal whole numbers in the range", () => {
  const parse = wholeNumber(1, 100);
  expect([parse("1"), parse("007"), parse("100")]).toEqual([1, 7, 100]);
  for (const text of ["", "0", "101", "1.0", "+1", "1e1", "0x1", " 1", "9".repeat(400)]) {
    expect(() => parse(text)).toThrow("expected a whole number from 1 to 100");
  }
});

test("accepts only one of the words, letter by letter", () => {
  expect(oneOf(["a", "b"])("b")).toBe("b");
  expect(() => oneOf(["a", "b", "c"])("B")).toThrow("expected a, b or c");
  expect(() => oneOf(["a"])("")).toThrow("expected a");
});

test("reads true and false in upper and lower case", () => {
  expect([trueOrFalse("TRUE"), trueOrFalse("False")]).toEqual([true, false]);
  expect(() => trueOrFalse("1")).toThrow("expected true or false");
});

test("anchors a regular expression to whole names", () => {
  const ssh = anchoredRegExp("ssh|sshd");
  expect(["ssh", "sshd", "sshd.service", "xssh"].map((name) => ssh.test(name))).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect(anchoredRegExp("").test("a")).toBe(false);
});

test.each([
  ["(", /Unterminated group/],
  ["a)|(b", /Unmatched '\)'/],
  ["[", /Unterminated character class/],
  [String.raw`\q`, /Invalid escape/],
  ["*", /Nothing to repeat/],
  ["x".repeat(5000), /at most 4096 characters/],
])("rejects the regular expression of case %#", (text, reason) => {
  expect(() => anchoredRegExp(text)).toThrow(reason);
});

test("accepts the name of a command, and a path that may have spaces", () => {
  for (const text of ["podman", "/opt/my tools/docker", "./docker"]) {
    expect(commandName(text)).toBe(text);
  }
  expect(() => commandName("sudo docker")).toThrow(/without arguments/);
});
