import { ProtobufMetricsSerializer } from "@opentelemetry/otlp-transformer";
import type { InstrumentationScope } from "@opentelemetry/core";
import type { Resource } from "@opentelemetry/resources";
import type { MetricData } from "@opentelemetry/sdk-metrics";

/** Points of one metric. */
export interface MetricPart {
  readonly data: MetricData;
  /** To call once the endpoint has accepted the point at the same position; empty for some metrics. */
  readonly accepted: readonly (() => void)[];
}

/** Points of several metrics, few enough to process in one turn. */
export type MetricSlice = readonly MetricPart[];

export interface MetricSource {
  /**
   * Reads all metrics; points of earlier collections that weren't accepted are obsolete. Reading to
   * the end removes series that have ended.
   */
  collect(): AsyncIterable<MetricSlice>;
}

/** The common parts of all requests. */
export interface MetricFrame {
  readonly resource: Resource;
  readonly scope: InstrumentationScope;
}

/** A slice as an `ExportMetricsServiceRequest`. In protobuf, concatenated requests are one request. */
export interface SerializedSlice {
  readonly slice: MetricSlice;
  readonly bytes: Uint8Array;
  readonly points: number;
}

export function serialized(frame: MetricFrame, slice: MetricSlice): SerializedSlice {
  const { resource, scope } = frame;
  const metrics = slice.map(({ data }) => data);
  const bytes = ProtobufMetricsSerializer.serializeRequest({
    resource,
    scopeMetrics: [{ scope, metrics }],
  });
  if (bytes === undefined) throw new Error("the metrics could not be serialized");
  return { slice, bytes, points: pointsOf(slice) };
}

export function pointsOf(slice: MetricSlice): number {
  return slice.reduce((sum, { data }) => sum + data.dataPoints.length, 0);
}

/** Cuts a slice in two; undefined if it has one point only. */
export function halves(slice: MetricSlice): readonly [MetricSlice, MetricSlice] | undefined {
  if (slice.length > 1) {
    const middle = slice.length >> 1;
    return [slice.slice(0, middle), slice.slice(middle)];
  }
  const [part] = slice;
  if (part === undefined || part.data.dataPoints.length < 2) return undefined;
  const middle = part.data.dataPoints.length >> 1;
  return [[cut(part, 0, middle)], [cut(part, middle, part.data.dataPoints.length)]];
}

function cut({ data, accepted }: MetricPart, from: number, to: number): MetricPart {
  // The points keep their type.
  const dataPoints = data.dataPoints.slice(from, to);
  return { data: { ...data, dataPoints } as MetricData, accepted: accepted.slice(from, to) };
}
