import { expect, test } from "@jest/globals";
import { MAX_RETRY_AFTER_MS, retryAfterMs } from "../../../src/otlp/transport/retry-after.ts";

const NOW_MS = Date.UTC(2026, 10, 26, 4, 0, 0);

test.each([
  ["120", 120_000],
  [" 1 ", 1_000],
  ["0.5", 500],
  ["0", undefined],
  ["-5", undefined],
  ["1e3", undefined],
  ["", undefined],
  [undefined, undefined],
  ["tomorrow", undefined],
  ["99999999999999999999", MAX_RETRY_AFTER_MS],
  // The three forms that HTTP has for a date.
  ["Thu, 26 Nov 2026 04:01:30 GMT", 90_000],
  ["Thursday, 26-Nov-26 04:01:30 GMT", 90_000],
  ["Thu, 26 Nov 2026 03:59:59 GMT", undefined],
  ["Fri, 26 Nov 2027 04:00:00 GMT", MAX_RETRY_AFTER_MS],
])("reads Retry-After: %s as %s ms", (header, expected) => {
  expect(retryAfterMs(header, NOW_MS)).toBe(expected);
});
