import { createRequire } from "node:module";
import { setImmediate } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { TraceFlags, ValueType } from "@opentelemetry/api";
import {
  JsonLogsSerializer,
  JsonMetricsSerializer,
  ProtobufLogsSerializer,
  ProtobufMetricsSerializer,
} from "@opentelemetry/otlp-transformer";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { LoggerProvider } from "@opentelemetry/sdk-logs";
import type { ReadableLogRecord } from "@opentelemetry/sdk-logs";
import { AggregationTemporality, DataPointType } from "@opentelemetry/sdk-metrics";
import type { ResourceMetrics } from "@opentelemetry/sdk-metrics";
import { logRecordOf } from "../../../src/logs/log-record.ts";
import { otlpJson } from "../../../src/otlp/protocol/json-transcoder.ts";
import { OTLP_MESSAGES } from "../../../src/otlp/protocol/otlp-schema.ts";
import { ProtobufError } from "../../../src/platform/data/protobuf-reader.ts";
import { dieChange, unitChange } from "../../support/changes.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const NO_LIMIT = Number.MAX_SAFE_INTEGER;
const RESOURCE = resourceFromAttributes({ "service.name": "unitwatch", "host.name": "läb" });

/** Returns the records that the SDK makes of what is emitted. */
function readable(emit: (logger: ReturnType<LoggerProvider["getLogger"]>) => void) {
  const records: ReadableLogRecord[] = [];
  const provider = new LoggerProvider({
    resource: RESOURCE,
    processors: [
      {
        onEmit: (record) => void records.push(record),
        forceFlush: async () => {},
        shutdown: async () => {},
      },
    ],
  });
  emit(provider.getLogger("unitwatch", "1.2.3"));
  return records;
}

const CHANGES = readable((logger) => {
  const options = { observedNs: 1_795_345_340_000_000_001n, instance: "here" };
  logger.emit(logRecordOf(dieChange(137), options));
  const failed = { activeState: "failed", result: "exit-code", exitCode: 3 } as const;
  logger.emit(logRecordOf(unitChange("unit.failed", failed), options));
});

const ODD = readable((logger) => {
  logger.emit({
    timestamp: [1_795_345_339, 999_999_999],
    observedTimestamp: [0, 1],
    severityNumber: 24,
    severityText: 'a "quoted"\u2028 text\n\0',
    eventName: "odd",
    body: {
      list: ["a", 1, -1.5, false, null, ["deep"]],
      map: { "": "" },
      raw: Buffer.from([0, 255]),
    },
    attributes: {
      "int.small": -1,
      "int.large": Number.MIN_SAFE_INTEGER,
      double: 1e-7,
      third: 1 / 3,
      emoji: "🙂",
      list: ["x", "y"],
      raw: Buffer.from("bytes"),
    },
  });
  logger.emit({ body: "" });
});
const TRACED = CHANGES.map(
  (record) =>
    Object.create(record, {
      droppedAttributesCount: { value: 7 },
      spanContext: {
        value: {
          traceId: "0af7651916cd43dd8448eb211c80319c",
          spanId: "b7ad6b7169203331",
          traceFlags: TraceFlags.SAMPLED,
        },
      },
    }) as ReadableLogRecord,
);

const TIMES = { startTime: [1, 2], endTime: [1_795_345_339, 3] } as const;
const point = (value: unknown) =>
  ({ ...structuredClone(TIMES), attributes: { state: "active", n: 3 }, value }) as never;
const describe = (name: string, valueType = ValueType.INT) => ({
  descriptor: { name, description: `what ${name} is`, unit: "1", valueType },
});
const METRICS: ResourceMetrics = {
  resource: RESOURCE,
  scopeMetrics: [
    {
      scope: {
        name: "unitwatch",
        version: "1.2.3",
        schemaUrl: "https://opentelemetry.io/schemas/1",
      },
      metrics: [
        {
          ...describe("a.sum"),
          dataPointType: DataPointType.SUM,
          aggregationTemporality: AggregationTemporality.CUMULATIVE,
          isMonotonic: true,
          dataPoints: [point(1), point(4_294_967_297), point(0)],
        },
        {
          ...describe("a.delta", ValueType.DOUBLE),
          dataPointType: DataPointType.SUM,
          aggregationTemporality: AggregationTemporality.DELTA,
          isMonotonic: false,
          dataPoints: [point(-0.25), point(1e21)],
        },
        {
          ...describe("a.gauge"),
          dataPointType: DataPointType.GAUGE,
          aggregationTemporality: AggregationTemporality.CUMULATIVE,
          dataPoints: [point(-5)],
        },
        {
          ...describe("a.histogram"),
          dataPointType: DataPointType.HISTOGRAM,
          aggregationTemporality: AggregationTemporality.CUMULATIVE,
          dataPoints: [
            point({
              buckets: { boundaries: [0.005, 1, 2.5], counts: [1, 0, 2, 3] },
              count: 6,
              sum: 12.5,
              min: 0.001,
              max: 7,
            }),
          ],
        },
        {
          ...describe("an.exponential"),
          dataPointType: DataPointType.EXPONENTIAL_HISTOGRAM,
          aggregationTemporality: AggregationTemporality.DELTA,
          dataPoints: [
            point({
              count: 6,
              sum: 3,
              scale: -3,
              zeroCount: 1,
              positive: { offset: -70_000, bucketCounts: [1, 300, 2] },
              negative: { offset: 2, bucketCounts: [5] },
            }),
          ],
        },
      ],
    },
  ],
};

const LONG_FIELDS = new Set(["intValue", "asInt", "count", "zeroCount"]);

/** Parses JSON to a canonical form: 64 bits as strings, no members with defaults. */
function canonical(text: Uint8Array): unknown {
  return JSON.parse(Buffer.from(text).toString(), (key, value: unknown) => {
    if (LONG_FIELDS.has(key)) return String(value);
    if (key === "bucketCounts") return (value as unknown[]).map(String);
    if (key === "droppedAttributesCount" && value === 0) return undefined;
    if (key === "isMonotonic" && value === false) return undefined;
    if (key === "attributes" && Array.isArray(value) && value.length === 0) return undefined;
    return value;
  });
}

test.each([
  ["changes", CHANGES],
  ["odd records", ODD],
  ["records with a trace", TRACED],
  ["nothing", []],
])("transcodes logs as the SDK serializes them: %s", async (_name, records) => {
  const request = ProtobufLogsSerializer.serializeRequest(records) ?? new Uint8Array();
  const json = await otlpJson("ExportLogsServiceRequest", request, NO_LIMIT);
  const expected = JsonLogsSerializer.serializeRequest(records) ?? new Uint8Array();
  if (records.length === 0) {
    expect(json?.toString()).toBe("{}");
  } else {
    expect(canonical(json ?? Buffer.alloc(0))).toEqual(canonical(expected));
  }
});

test("transcodes metrics as the SDK serializes them", async () => {
  const request = ProtobufMetricsSerializer.serializeRequest(METRICS) ?? new Uint8Array();
  const json = await otlpJson("ExportMetricsServiceRequest", request, NO_LIMIT);
  const expected = JsonMetricsSerializer.serializeRequest(METRICS) ?? new Uint8Array();
  expect(canonical(json ?? Buffer.alloc(0))).toEqual(canonical(expected));
});

/** Returns a field of wire type 2. */
const field = (number: number, ...content: (Buffer | string)[]): Buffer => {
  const bytes = Buffer.concat(content.map((part) => Buffer.from(part)));
  expect(bytes.length).toBeLessThan(128);
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
};
const double = (number: number, value: number): Buffer => {
  const bytes = Buffer.alloc(9, (number << 3) | 1);
  bytes.writeDoubleLE(value, 1);
  return bytes;
};

test("writes NaN and the infinities as strings", async () => {
  const points = [NaN, Infinity, -Infinity].map((value) => field(1, double(4, value)));
  const request = field(1, field(2, field(2, field(5, ...points))));
  const json = await otlpJson("ExportMetricsServiceRequest", request, NO_LIMIT);
  expect(json?.toString()).toBe(
    '{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{"asDouble":"NaN"},{"asDouble":"Infinity"},{"asDouble":"-Infinity"}]}}]}]}]}',
  );
});

test("omits unknown fields, and joins repeated fields that lie apart", async () => {
  const unknown = Buffer.concat([
    field(4, "x"),
    Buffer.from([((90 << 3) & 0x7f) | 0x80, (90 << 3) >> 7, 0x85, 0x01]),
    double(13, 1),
    Buffer.from([(14 << 3) | 5, 1, 2, 3, 4]),
  ]);
  const attribute = (key: string): Buffer => field(6, field(1, key), unknown);
  const record = field(2, attribute("a"), unknown, field(3, "INFO"), attribute("b"));
  const request = field(1, field(2, record, unknown), unknown);
  const json = await otlpJson("ExportLogsServiceRequest", request, NO_LIMIT);
  expect(JSON.parse(String(json))).toEqual({
    resourceLogs: [
      {
        scopeLogs: [
          { logRecords: [{ severityText: "INFO", attributes: [{ key: "a" }, { key: "b" }] }] },
        ],
      },
    ],
  });
});

const REQUEST = Buffer.from(ProtobufLogsSerializer.serializeRequest(ODD) ?? []);

test("returns undefined when the text exceeds its bound", async () => {
  const whole = await otlpJson("ExportLogsServiceRequest", REQUEST, NO_LIMIT);
  const size = whole?.length ?? 0;
  expect(await otlpJson("ExportLogsServiceRequest", REQUEST, size)).toEqual(whole);
  expect(await otlpJson("ExportLogsServiceRequest", REQUEST, size - 1)).toBeUndefined();
  const many = Buffer.concat(Array.from({ length: 1_000 }, () => REQUEST));
  expect(await otlpJson("ExportLogsServiceRequest", many, size)).toBeUndefined();
});

test("lets other work run while it transcodes a large request", async () => {
  const many = Buffer.concat(Array.from({ length: 3_000 }, () => REQUEST));
  let turns = 0;
  const done = new AbortController();
  const others = (async () => {
    while (!done.signal.aborted) {
      await setImmediate();
      turns += 1;
    }
  })();
  const json = await otlpJson("ExportLogsServiceRequest", many, NO_LIMIT);
  done.abort();
  await others;
  expect(turns).toBeGreaterThan(3);
  expect((JSON.parse(String(json)) as { resourceLogs: unknown[] }).resourceLogs).toHaveLength(
    3_000,
  );
});

test.each([
  ["cut off", REQUEST.subarray(0, -1)],
  ["a field 0", Buffer.from([0x00, 0x01])],
  ["a group", Buffer.from([0x0b])],
  ["a number in place of a message", Buffer.from([0x08, 0x01])],
  ["text in place of a number", field(1, field(2, field(2, field(1, "123456789"))))],
  ["a length beyond the end", Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f])],
  ["a length of 70 bits", Buffer.from([0x0a, ...Buffer.alloc(10, 0xff), 1])],
])("rejects bytes that aren't a request: %s", async (_name, bytes) => {
  await expect(otlpJson("ExportLogsServiceRequest", bytes, NO_LIMIT)).rejects.toThrow(
    ProtobufError,
  );
});

test("rejects values that are nested too deep", async () => {
  const nested = (depth: number): Buffer => {
    let value = Buffer.alloc(0);
    for (let i = 0; i < depth; i++) {
      const bytes = Buffer.alloc(6, 0x0a);
      bytes[0] = 0x2a;
      bytes.writeUInt8(((value.length + 3) & 0x7f) | 0x80, 1);
      bytes.writeUInt8((value.length + 3) >> 7, 2);
      bytes.writeUInt8((value.length & 0x7f) | 0x80, 4);
      bytes.writeUInt8(value.length >> 7, 5);
      value = Buffer.concat([bytes, value]);
    }
    return value;
  };
  const wrapped = (value: Buffer): Buffer =>
    [5, 2, 2, 1].reduce<Buffer>((inner, number) => {
      const head = Buffer.from([
        (number << 3) | 2,
        (inner.length & 0x7f) | 0x80,
        inner.length >> 7,
      ]);
      return Buffer.concat([head, inner]);
    }, value);
  const shallow = await otlpJson("ExportLogsServiceRequest", wrapped(nested(10)), NO_LIMIT);
  expect(String(shallow).match(/arrayValue/g)).toHaveLength(10);
  const deep = otlpJson("ExportLogsServiceRequest", wrapped(nested(40)), NO_LIMIT);
  await expect(deep).rejects.toThrow("nested too deep");
});

test("returns JSON or rejects when bytes are random", async () => {
  const random = seededRandom(20261126);
  const seeds = [REQUEST, Buffer.from(ProtobufMetricsSerializer.serializeRequest(METRICS) ?? [])];
  let wrong = 0;
  for (let round = 0; round < 3_000; round++) {
    const isLogs = round % 2 === 0;
    const bytes = Buffer.from(seeds[isLogs ? 0 : 1] ?? []);
    for (let i = 0; i <= round % 4; i++) bytes[random(bytes.length)] = random(256);
    const name = isLogs ? "ExportLogsServiceRequest" : "ExportMetricsServiceRequest";
    try {
      JSON.parse(String(await otlpJson(name, bytes, NO_LIMIT)));
    } catch (error) {
      if (!(error instanceof ProtobufError)) throw error;
      wrong += 1;
    }
  }
  expect(wrong).toBeGreaterThan(100);
});

interface ProtoField {
  readonly id: number;
  readonly type: string;
  readonly repeated: boolean;
  readonly resolvedType: { readonly name: string; readonly values?: unknown } | null;
  resolve(): unknown;
}
interface ProtoType {
  readonly name: string;
  readonly fields: Readonly<Record<string, ProtoField>>;
}

test("has the schema of the protocol's own definitions", () => {
  const load = createRequire(import.meta.url);
  const { getProtoRoot } = load("@elastic/mockotlpserver/lib/proto.js") as {
    getProtoRoot: () => { lookupType(name: string): ProtoType };
  };
  const packages = ["collector.logs", "collector.metrics", "logs", "metrics", "common", "resource"];
  const lookup = (name: string): ProtoType => {
    for (const part of packages) {
      for (const inner of ["", "ExponentialHistogramDataPoint.", "SummaryDataPoint."]) {
        try {
          return getProtoRoot().lookupType(`opentelemetry.proto.${part}.v1.${inner}${name}`);
        } catch {
          // It is in another package.
        }
      }
    }
    throw new Error(`no definition of ${name}`);
  };
  const messages = [...OTLP_MESSAGES].map(([name, fields]) => {
    const shown = [...fields].map(([number, { name: key, type, isRepeated }]) => {
      return [number, `${key} ${type}${isRepeated ? "[]" : ""}`] as const;
    });
    return [name, Object.fromEntries(shown)] as const;
  });
  expect(messages).toHaveLength(26);
  const defined = messages.map(([name]) => {
    const fields = Object.entries(lookup(name).fields).map(([key, field]) => {
      field.resolve();
      const { id, type, repeated, resolvedType } = field;
      const isId = type === "bytes" && /(trace|span)_?id/i.test(key);
      const shown = resolvedType?.values === undefined ? (resolvedType?.name ?? type) : "enum";
      return [id, `${key} ${isId ? "id" : shown}${repeated ? "[]" : ""}`] as const;
    });
    // Newer than the definitions of the package.
    if (name === "LogRecord") fields.push([12, "eventName string"]);
    return [name, Object.fromEntries(fields)] as const;
  });
  expect(Object.fromEntries(defined)).toEqual(Object.fromEntries(messages));
});
