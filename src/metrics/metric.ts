import type { LabelSet } from "../domain/label-set.ts";
import type { Fleet } from "../state/fleet.ts";

export type MetricType = "counter" | "gauge" | "histogram";

/**
 * What a metric is called over OTLP, and what it is: a counter is a monotonic sum, `updowncounter`
 * one that isn't (states are such, as OpenTelemetry has it, since they can be summed up), and times
 * and codes are gauges. Its attributes are those of {@link ATTRIBUTES}, but for `attributes`.
 */
export interface OtelInstrument {
  readonly name: string;
  /** UCUM: `1`, `s`, `By`, or what is counted: `{restart}`. */
  readonly unit: string;
  readonly kind: "counter" | "updowncounter" | "gauge" | "histogram";
  /** Attributes by label, of labels that mean something else in every metric. */
  readonly attributes?: Readonly<Record<string, string>>;
}

/** What labels are called over OTLP: names of the log records' attributes. */
export const ATTRIBUTES: Readonly<Record<string, string>> = {
  container: "container.name",
  container_id: "container.id",
  node: "unitwatch.node",
  cluster: "unitwatch.cluster",
  image: "container.image.name",
  runtime: "container.runtime.name",
  name: "systemd.unit.name",
  type: "systemd.unit.type",
};

/** What one of a metric's labels is called over OTLP. */
export function attributeOf({ attributes }: OtelInstrument, label: string): string {
  return attributes?.[label] ?? ATTRIBUTES[label] ?? label;
}

/** What a metric is, for the exposition and for the table in the documentation. */
export interface MetricDefinition {
  /** Name as Prometheus sees it, `_total` of counters included. */
  readonly name: string;
  readonly type: MetricType;
  /** One sentence, no newline. */
  readonly help: string;
  /** Label names in the order of the exposition. */
  readonly labels: readonly string[];
}

/** What is sent of a metric beside its points. */
export type OtelDescription = Pick<OtelMetricDefinition, "help" | "otel">;

/** The same, for the table of what is sent over OTLP. */
export interface OtelMetricDefinition extends MetricDefinition {
  readonly otel: OtelInstrument;
  /** How many series there are: `7 per container`. */
  readonly cardinality: string;
}

/**
 * Takes one sample: its labels, one more label where `extraName` is given, and its value. Labels
 * are shared between samples, so that nothing is built for a sample.
 */
export type VisitSample = (
  labels: LabelSet,
  value: number,
  extraName?: string,
  extraValue?: string,
) => void;

/** A metric that is read from the state whenever somebody asks. */
export interface StateMetric extends OtelMetricDefinition {
  /**
   * Visits all samples. Yields between containers, where the reader may make way for others: what
   * is visited between two yields is of one moment.
   */
  readonly read: (fleet: Fleet, visit: VisitSample) => Generator<void, void, void>;
}
