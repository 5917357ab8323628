import { expect, test } from "@jest/globals";
import { Redactor } from "../../../src/platform/data/redactor.ts";

test("replaces every match of every pattern", () => {
  const redactor = new Redactor([/secret=\S+/gu, Object.freeze(/\d{4}/gu)]);
  expect(redactor.redact(["secret=a b secret=c", "pin 1234, 5678", "plain"])).toEqual([
    "[redacted] b [redacted]",
    "pin [redacted], [redacted]",
    "plain",
  ]);
});

test("returns the texts without patterns", () => {
  expect(new Redactor([]).redact(["a"])).toEqual(["a"]);
});

test("withholds a text that a pattern doesn't get through, and goes on with others later", () => {
  const redactor = new Redactor([/(a+)+$/gu]);
  const endless = `${"a".repeat(60)}b`;
  const redacted = redactor.redact(["aa", endless, "c"]);
  expect(redacted[0]).toBe("[redacted]");
  expect(redacted[1]).toBeUndefined();
  // It has no time left, for this list.
  expect(redacted[2] ?? "c").toBe("c");
  expect(redactor.redact(["c"])).toEqual(["c"]);
});
