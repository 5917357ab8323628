import { createRequire } from "node:module";

type Attributes = Readonly<Record<string, unknown>>;

/** A received data point with the facts of its metric. Times: Unix nanoseconds. */
export interface ReceivedPoint {
  readonly name: string;
  readonly unit: string;
  readonly kind: "gauge" | "sum" | "histogram";
  readonly isMonotonic: boolean;
  readonly temporality: "delta" | "cumulative" | undefined;
  readonly attributes: Attributes;
  readonly startNs: bigint;
  readonly timeNs: bigint;
  /** Of a histogram, its sum. */
  readonly value: number;
  /** Of a histogram alone. */
  readonly count: number | undefined;
  readonly bucketCounts: readonly number[] | undefined;
  readonly bounds: readonly number[] | undefined;
  readonly resource: Attributes;
  readonly scope: { readonly name: string; readonly version: string };
}

interface JsonPoint {
  readonly attributes?: Attributes;
  readonly startTimeUnixNano?: string;
  readonly timeUnixNano?: string;
  readonly asDouble?: number;
  readonly asInt?: string;
  readonly sum?: number;
  readonly count?: string;
  readonly bucketCounts?: readonly string[];
  readonly explicitBounds?: readonly number[];
}
interface JsonData {
  readonly dataPoints?: readonly JsonPoint[];
  readonly aggregationTemporality?: string | number;
  readonly isMonotonic?: boolean;
}
/** A request as the receiver parses it. */
export interface MetricsRequest {
  readonly resourceMetrics?: readonly {
    readonly resource: { readonly attributes: Attributes };
    readonly scopeMetrics: readonly {
      readonly scope: ReceivedPoint["scope"];
      readonly metrics: readonly {
        readonly name: string;
        readonly unit: string;
        readonly gauge?: JsonData;
        readonly sum?: JsonData;
        readonly histogram?: JsonData;
      }[];
    }[];
  }[];
}

const load = createRequire(import.meta.url);

/** Reads an ExportMetricsServiceRequest with foreign definitions. */
export function decodeOtlpMetrics(bytes: Uint8Array): ReceivedPoint[] {
  const { normalizeMetrics } = load("@elastic/mockotlpserver") as {
    normalizeMetrics: (request: unknown) => MetricsRequest;
  };
  const { getProtoRoot } = load("@elastic/mockotlpserver/lib/proto.js") as {
    getProtoRoot: () => { lookupType(name: string): { decode(bytes: Uint8Array): unknown } };
  };
  const type = "opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest";
  return pointsOf(normalizeMetrics(getProtoRoot().lookupType(type).decode(bytes)));
}

export function pointsOf({ resourceMetrics = [] }: MetricsRequest): ReceivedPoint[] {
  const points: ReceivedPoint[] = [];
  for (const { resource, scopeMetrics } of resourceMetrics) {
    for (const { scope, metrics } of scopeMetrics) {
      for (const { name, unit, gauge, sum, histogram } of metrics) {
        const kind = gauge ? "gauge" : sum ? "sum" : "histogram";
        const data = gauge ?? sum ?? histogram ?? {};
        for (const point of data.dataPoints ?? []) {
          points.push({
            name,
            unit,
            kind,
            isMonotonic: data.isMonotonic ?? false,
            temporality: temporalityOf(data.aggregationTemporality),
            attributes: point.attributes ?? {},
            startNs: BigInt(point.startTimeUnixNano ?? 0),
            timeNs: BigInt(point.timeUnixNano ?? 0),
            value: Number(point.asDouble ?? point.asInt ?? point.sum),
            count: point.count === undefined ? undefined : Number(point.count),
            bucketCounts: point.bucketCounts?.map(Number),
            bounds: point.explicitBounds,
            resource: resource.attributes,
            scope,
          });
        }
      }
    }
  }
  return points;
}

function temporalityOf(value: string | number | undefined): ReceivedPoint["temporality"] {
  if (value === undefined) return undefined;
  return /^1$|DELTA/.test(String(value)) ? "delta" : "cumulative";
}

/** Returns the points of this metric that have at least these attributes. */
export function select(
  points: readonly ReceivedPoint[],
  name: string,
  attributes: Attributes = {},
): ReceivedPoint[] {
  const wanted = Object.entries(attributes);
  return points.filter(
    (point) =>
      point.name === name && wanted.every(([key, value]) => point.attributes[key] === value),
  );
}
