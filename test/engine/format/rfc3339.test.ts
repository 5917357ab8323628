import { expect, test } from "@jest/globals";
import { parseRfc3339Ns } from "../../../src/engine/format/rfc3339.ts";

const NS = 1_000_000_000n;
const NOON = BigInt(Date.UTC(2026, 10, 22, 12)) * 1_000_000n;

test.each([
  ["2026-11-22T12:00:00Z", NOON],
  ["2026-11-22T12:00:00.5Z", NOON + NS / 2n],
  ["2026-11-22T12:00:00.660095738Z", NOON + 660_095_738n],
  ["2026-11-22T12:00:00.000000001Z", NOON + 1n],
  ["2026-11-22T14:30:00.25+02:30", NOON + NS / 4n],
  ["2026-11-22T07:00:00.123456789-05:00", NOON + 123_456_789n],
  ["1970-01-01T00:00:01Z", NS],
])("reads %s exactly as %d", (text, timeNs) => {
  expect(parseRfc3339Ns(text)).toBe(timeNs);
});

test.each([
  "0001-01-01T00:00:00Z",
  "1970-01-01T00:00:00Z",
  "1969-12-31T23:59:59Z",
  "2026-13-01T00:00:00Z",
  "2026-11-22T25:00:00Z",
  "2026-11-22T12:00:00",
  "2026-11-22 12:00:00Z",
  "2026-11-22T12:00:00.1234567890Z",
  "2026-11-22T12:00:00.Z",
  " 2026-11-22T12:00:00Z",
  "2026-11-22T12:00:00Z\n",
  "1795345339",
  "",
])("returns 0 for %j", (text) => {
  expect(parseRfc3339Ns(text)).toBe(0n);
});
