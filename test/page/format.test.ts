import { expect, test } from "@jest/globals";
import { ageText, bytesText, count, positionOf, spanText } from "../../src/page/view/format.ts";

test("formats a span in its largest unit", () => {
  expect(
    [0, 0.0004, 0.0023, 0.123, 1, 59.9, 60, 3599, 3600, 172_799, 172_800].map(spanText),
  ).toEqual([
    "under 1 ms",
    "under 1 ms",
    "2.3 ms",
    "123 ms",
    "1 s",
    "59 s",
    "1 min",
    "59 min",
    "1 h",
    "47 h",
    "2 d",
  ]);
});

test("formats an age in whole seconds, never negative", () => {
  const now = Date.parse("2026-01-01T00:01:00Z");
  expect(ageText("2026-01-01T00:00:59.500000000Z", now)).toBe("0 s");
  expect(ageText("2026-01-01T00:02:00Z", now)).toBe("0 s");
  expect(ageText("2026-01-01T00:00:00.123456789Z", now)).toBe("59 s");
});

test("formats counts and sizes", () => {
  expect([count(0, "unit"), count(1, "unit"), count(1_234, "unit")]).toEqual([
    "0 units",
    "1 unit",
    "1,234 units",
  ]);
  expect([0, 1023, 1024, 20_480, 5_767_168].map(bytesText)).toEqual([
    "0 B",
    "1023 B",
    "1.0 KiB",
    "20 KiB",
    "5.5 MiB",
  ]);
});

test("escapes a position so that it is a valid fragment", () => {
  expect(positionOf({ node: "a", cluster: "" })).toBe("node=a");
  expect(positionOf({ node: "a b", cluster: 'x"<&' }, String.raw`a\x2d@1.service`)).toBe(
    "node=a%20b&cluster=x%22%3C%26&unit=a%5Cx2d%401.service",
  );
  expect(positionOf({ node: "\uD800", cluster: "" })).toBe("node=%EF%BF%BD");
});
