import { ProtobufMetricsSerializer } from "@opentelemetry/otlp-transformer";
import type { InstrumentationScope } from "@opentelemetry/core";
import type { Resource } from "@opentelemetry/resources";
import type { MetricData } from "@opentelemetry/sdk-metrics";

/** Points of one metric. */
export interface MetricPart {
  readonly data: MetricData;
  /** Called once the endpoint has the point of the same place; of some metrics nothing. */
  readonly accepted: readonly (() => void)[];
}

/** Points of several metrics, few enough to be worked on at one go. */
export type MetricSlice = readonly MetricPart[];

/** Where metrics come from. */
export interface MetricSource {
  /**
   * Reads all of them; what was read before and not taken isn't wanted any more. What has ended
   * since is forgotten at the end, to which it is read wherever the process goes on.
   */
  collect(): AsyncIterable<MetricSlice>;
}

/** What all requests say of whose metrics they are. */
export interface MetricFrame {
  readonly resource: Resource;
  readonly scope: InstrumentationScope;
}

/**
 * A slice as an `ExportMetricsServiceRequest`. One such request after another is the request of them
 * all, as protobuf has it.
 */
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

/** Two slices in place of one; undefined where that has but one point. */
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
  // Of whatever type they are: the same as before.
  const dataPoints = data.dataPoints.slice(from, to);
  return { data: { ...data, dataPoints } as MetricData, accepted: accepted.slice(from, to) };
}
