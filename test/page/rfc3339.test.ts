import { expect, test } from "@jest/globals";
import { rfc3339 } from "../../src/page/rfc3339.ts";

test("formats nanoseconds", () => {
  expect(rfc3339(1_795_345_339_060_434_057n)).toBe("2026-11-22T11:02:19.060434057Z");
  expect(rfc3339(1n)).toBe("1970-01-01T00:00:00.000000001Z");
});

test("returns null for an invalid time, or one beyond all dates", () => {
  expect([0n, -1n, 2n ** 64n * 1_000n, 10n ** 30n].map(rfc3339)).toEqual([null, null, null, null]);
  expect(rfc3339(8_640_000_000_000_000_000_000n)).toBe("+275760-09-13T00:00:00.000000000Z");
});
