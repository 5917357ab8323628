import { ValueType } from "@opentelemetry/api";
import type { Attributes, HrTime } from "@opentelemetry/api";
import { AggregationTemporality, DataPointType } from "@opentelemetry/sdk-metrics";
import type { DataPoint, Histogram, MetricData } from "@opentelemetry/sdk-metrics";
import { hrTime } from "../platform/time/hr-time.ts";
import type { OtelDescription } from "./metric.ts";

/** Points of one metric. */
export interface MetricPart {
  readonly data: MetricData;
  /** Callbacks for the acknowledgement of the points; some metrics have none. */
  readonly accepted: readonly (() => void)[];
}

/** Points of several metrics, few enough to process at once. */
export type MetricSlice = readonly MetricPart[];

export interface Point<Value> {
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Attributes;
  readonly value: Value;
  readonly accepted?: () => void;
}

/** Gathers points into slices. */
export class SliceBuilder {
  #parts: OpenPart[] = [];
  #points = 0;

  /** Points in the slice so far. */
  get points(): number {
    return this.#points;
  }

  number(metric: OtelDescription, isDelta: boolean, point: Point<number>): void {
    this.#add(metric, isDelta, point);
  }

  histogram(metric: OtelDescription, isDelta: boolean, point: Point<Histogram>): void {
    this.#add(metric, isDelta, point);
  }

  /** Returns the slice, and begins the next. */
  cut(): MetricSlice {
    const parts = this.#parts;
    this.#parts = [];
    this.#points = 0;
    return parts;
  }

  #add(metric: OtelDescription, isDelta: boolean, point: Point<number | Histogram>): void {
    let part = this.#parts.at(-1);
    if (part?.metric !== metric || part.isDelta !== isDelta) {
      part = openPart(metric, isDelta);
      this.#parts.push(part);
    }
    this.#points += 1;
    part.points.push({
      startTime: cachedTime(point.startNs),
      endTime: cachedTime(point.endNs),
      attributes: point.attributes,
      value: point.value,
    });
    if (point.accepted !== undefined) part.accepted.push(point.accepted);
  }
}

interface OpenPart {
  readonly metric: OtelDescription;
  readonly isDelta: boolean;
  readonly points: DataPoint<number | Histogram>[];
  readonly data: MetricData;
  readonly accepted: (() => void)[];
}

function openPart(metric: OtelDescription, isDelta: boolean): OpenPart {
  const points: DataPoint<number | Histogram>[] = [];
  return { metric, isDelta, points, accepted: [], data: dataOf(metric, isDelta, points) };
}

function dataOf(
  { otel, help }: OtelDescription,
  isDelta: boolean,
  points: DataPoint<number | Histogram>[],
): MetricData {
  const common = {
    descriptor: {
      name: otel.name,
      description: help,
      unit: otel.unit,
      valueType: otel.unit === "s" ? ValueType.DOUBLE : ValueType.INT,
    },
    aggregationTemporality: isDelta
      ? AggregationTemporality.DELTA
      : AggregationTemporality.CUMULATIVE,
  };
  switch (otel.kind) {
    case "histogram": {
      const dataPoints = points as DataPoint<Histogram>[];
      return { ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints };
    }
    case "gauge": {
      const dataPoints = points as DataPoint<number>[];
      return { ...common, dataPointType: DataPointType.GAUGE, dataPoints };
    }
    default: {
      const dataPoints = points as DataPoint<number>[];
      const isMonotonic = otel.kind === "counter";
      return { ...common, dataPointType: DataPointType.SUM, dataPoints, isMonotonic };
    }
  }
}

/** Caches the last times, since the points of one container share them. */
let lastNs = 0n;
let lastTime: HrTime = [0, 0];

function cachedTime(timeNs: bigint): HrTime {
  if (timeNs === lastNs) return lastTime;
  lastNs = timeNs;
  lastTime = hrTime(timeNs);
  return lastTime;
}
