import type { LogRecord } from "@opentelemetry/api";
import { expect, test } from "@jest/globals";
import { logRecordOf } from "../../src/logs/log-record.ts";
import { LogRequest, recordEnds } from "../../src/otlp/log-request.ts";
import type { LogOrigin } from "../../src/otlp/log-request.ts";
import { QueueLogProcessor } from "../../src/otlp/queue-log-processor.ts";
import { containerChange, dieChange, monitorChange, unitChange } from "../support/changes.ts";
import { decodeOtlpLogs } from "../support/otlp-logs.ts";
import type { DecodedLog } from "../support/otlp-logs.ts";
import { sdkLogger, sdkRequest } from "../support/sdk-logs.ts";
import { seededRandom } from "../support/seeded-random.ts";

const RESOURCE = { "service.name": "unitwatch", "host.name": "läb", empty: "" };
const NO_RESOURCE = {};
const ORIGIN: LogOrigin = {
  resource: () => RESOURCE,
  scope: { name: "unitwatch", version: "1.2.3" },
};

/** Returns each record as the SDK and the processor push it into the queue. */
function encoded(records: readonly LogRecord[], origin = ORIGIN): Uint8Array[] {
  const pushed: Uint8Array[] = [];
  const push = (record: Uint8Array): void => void pushed.push(new Uint8Array(record));
  const logger = sdkLogger(origin, new QueueLogProcessor({ push, flush: async () => {} }));
  for (const record of records) logger.emit(record);
  return pushed;
}

function request(records: readonly LogRecord[], origin = ORIGIN): Buffer {
  return Buffer.from(new LogRequest(origin).build(encoded(records, origin)));
}

/** Returns what the SDK serializes, decoded. */
function sdkLogs(records: readonly LogRecord[], origin = ORIGIN): DecodedLog[] {
  return decodeOtlpLogs(sdkRequest(origin, records));
}

const OPTIONS = { observedNs: 1_795_345_340_000_000_001n, instance: "here" };

test("encodes records of changes as the SDK serializes them", () => {
  const unit = { activeState: "failed", result: "exit-code", exitCode: 3, restarts: 7 } as const;
  const changes = [
    containerChange("container.start"),
    dieChange(137),
    dieChange(undefined),
    monitorChange("monitor.lost", { identity: undefined }),
    unitChange("unit.failed", unit),
    unitChange("unit.failed", { ...unit, unit: "größer-☃.service", recovered: true }),
  ];
  const records = changes.map((change) => logRecordOf(change, OPTIONS));
  expect(decodeOtlpLogs(request(records))).toEqual(sdkLogs(records));
});

test("encodes the resource that is true when a request is built", () => {
  let resource = { "host.name": "container" };
  const origin = { ...ORIGIN, resource: () => resource };
  const request = new LogRequest(origin);
  const records = encoded([logRecordOf(dieChange(1), OPTIONS)]);
  const hosts = (): unknown[] =>
    decodeOtlpLogs(Buffer.from(request.build(records))).map(({ resource: it }) => it);
  expect(hosts()).toEqual([{ "host.name": "container" }]);
  resource = { "host.name": "lab-1" };
  expect(hosts()).toEqual([{ "host.name": "lab-1" }]);
});

test("encodes an origin without version or attributes as the SDK serializes it", () => {
  const origin = {
    resource: () => NO_RESOURCE,
    scope: { name: "unitwatch", version: "" },
  };
  const records = [logRecordOf(dieChange(1), OPTIONS)];
  expect(decodeOtlpLogs(request(records, origin))).toEqual(sdkLogs(records, origin));
});

test.each([
  0,
  1,
  127,
  128,
  16_383,
  16_384,
  2 ** 31,
  2 ** 32 + 5,
  Number.MAX_SAFE_INTEGER,
  -1,
  -129,
  Number.MIN_SAFE_INTEGER,
  0.5,
  -1e300,
  1e18,
  Number.NaN,
  Number.POSITIVE_INFINITY,
])("keeps the value of the number %d", (value) => {
  const [log] = decodeOtlpLogs(request([{ body: "", attributes: { value } }]));
  const shown = log?.attributes["value"];
  expect(Number(typeof shown === "bigint" ? BigInt.asIntN(64, shown) : shown)).toBe(value);
});

test.each([-1n, -(2n ** 80n), 2n ** 64n, 10n ** 21n])(
  "encodes the time %d, which 64 bits can't hold, as unknown",
  (timeNs) => {
    const change = unitChange("unit.failed", { timeNs });
    const [log] = decodeOtlpLogs(request([logRecordOf(change, OPTIONS)]));
    expect(log).toMatchObject({ timeNs: 0n, observedNs: OPTIONS.observedNs });
  },
);

test("keeps the last time that 64 bits hold exact", () => {
  const change = unitChange("unit.failed", { timeNs: 2n ** 64n - 1n });
  expect(decodeOtlpLogs(request([logRecordOf(change, OPTIONS)]))[0]?.timeNs).toBe(2n ** 64n - 1n);
});

test("encodes random records as the SDK serializes them", () => {
  const random = seededRandom(5);
  const letters = ["a", "ß", "☃", "🙂", "\ud800", "\0", "", "x".repeat(130)];
  const text = (): string =>
    Array.from({ length: random(40) }, () => letters[random(letters.length)]).join("");
  const value = (): string | number | boolean =>
    [text(), random(2 ** 31) - 2 ** 30, random(1000) / 7, random(2) === 0][random(4)] ?? "";
  const records = Array.from({ length: 300 }, (): LogRecord => ({
    timestamp: [random(2 ** 31), random(1e9)],
    observedTimestamp: [random(2 ** 31), random(1e9)],
    severityNumber: random(25),
    severityText: text(),
    eventName: text(),
    body: text(),
    attributes: Object.fromEntries(
      Array.from({ length: random(30) }, (_, i) => [`name.${i}${letters[i % 4]}`, value()]),
    ),
  }));
  expect(decodeOtlpLogs(request(records))).toEqual(sdkLogs(records));
});

test("keeps a record whole when it is longer than any buffer", () => {
  const body = "ä".repeat(200_000);
  const [small, large] = decodeOtlpLogs(request([{ body: "small" }, { body }]));
  expect([small?.body, large?.body]).toEqual(["small", body]);
});

test("encodes more attribute names than it caches", () => {
  const attributes = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`name.${i}`, i]));
  const record: LogRecord = { timestamp: [1, 2], observedTimestamp: [1, 3], attributes };
  const [log, again] = decodeOtlpLogs(request([record, record]));
  expect(Object.keys(log?.attributes ?? {})).toHaveLength(600);
  expect(again).toEqual(log);
});

test("finds the ends of records, and undefined when the bytes are damaged", () => {
  const parts = encoded(["a", "b".repeat(300), ""].map((body) => ({ body })));
  const bytes = Buffer.concat(parts);
  const ends = parts.map((_, i) => Buffer.concat(parts.slice(0, i + 1)).length);
  expect(recordEnds(bytes, 3)).toEqual(ends);
  expect(recordEnds(bytes, 2)).toBeUndefined();
  expect(recordEnds(bytes.subarray(0, -1), 3)).toBeUndefined();
  expect(recordEnds(bytes.subarray(1), 3)).toBeUndefined();
  expect(recordEnds(new Uint8Array([0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), 1)).toBeUndefined();
  expect(recordEnds(new Uint8Array([0x12]), 1)).toBeUndefined();
});
