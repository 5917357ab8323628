import type { LabelSet } from "../domain/label-set.ts";
import type { Fleet } from "../state/fleet.ts";

export type MetricType = "counter" | "gauge" | "histogram";

/**
 * Name and type of a metric over OTLP: a counter is a monotonic sum, an `updowncounter` a
 * non-monotonic one (states are such in OpenTelemetry, since they can be added up), and times and
 * codes are gauges. Its attributes are those of {@link ATTRIBUTES}, overridden by `attributes`.
 */
export interface OtelInstrument {
  readonly name: string;
  /**
   * UCUM: `1`, `s`, `By`, or an annotation: `{restarts}`. A gauge never has `1`: Prometheus would add
   * `_ratio` to its name.
   */
  readonly unit: string;
  readonly kind: "counter" | "updowncounter" | "gauge" | "histogram";
  /** Its value for 1 of the scraped metric, whose unit is another; the product is rounded. Default: 1. */
  readonly factor?: number;
  /** Attributes by label, for labels whose meaning differs between metrics. */
  readonly attributes?: Readonly<Record<string, string>>;
}

/** Attributes by label over OTLP: the names that log records use. */
export const ATTRIBUTES: Readonly<Record<string, string>> = {
  container: "container.name",
  container_id: "container.id",
  node: "unitwatch.node",
  cluster: "unitwatch.cluster",
  user: "user.id",
  image: "container.image.name",
  runtime: "container.runtime.name",
  name: "systemd.unit.name",
  type: "systemd.unit.type",
};

/** Returns the attribute of one of a metric's labels over OTLP. */
export function attributeOf({ attributes }: OtelInstrument, label: string): string {
  return attributes?.[label] ?? ATTRIBUTES[label] ?? label;
}

/** Definition of a metric, for the exposition and the table in the documentation. */
export interface MetricDefinition {
  /** Prometheus name, with the `_total` of counters. */
  readonly name: string;
  readonly type: MetricType;
  /** One sentence, no newline. */
  readonly help: string;
  /** Label names in the order of the exposition. */
  readonly labels: readonly string[];
}

/** Description of a metric over OTLP. */
export type OtelDescription = Pick<OtelMetricDefinition, "help" | "otel">;

/** A metric's row in the documentation of OTLP. */
export interface OtelMetricDefinition extends MetricDefinition {
  readonly otel: OtelInstrument;
  /** Number of series: `7 per container`. */
  readonly cardinality: string;
}

/**
 * Called with one sample: its labels, one more label if `extraName` is given, and its value. Samples
 * share their labels, so none allocates.
 */
export type VisitSample = (
  labels: LabelSet,
  value: number,
  extraName?: string,
  extraValue?: string,
) => void;

/** A metric that is read from the state on request. */
export interface StateMetric extends OtelMetricDefinition {
  /**
   * True for a counter that counts since the `counting` of its labels. Default: false, as for
   * systemd's own counts, which begin when systemd decides.
   */
  readonly countsSince?: boolean;
  /**
   * Visits all samples. Yields between containers, where the caller may yield to other work: samples
   * between two yields are of one moment.
   */
  readonly read: (fleet: Fleet, visit: VisitSample) => Generator<void, void, void>;
}
