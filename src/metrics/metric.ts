import type { LabelSet } from "../domain/label-set.ts";
import type { Fleet } from "../state/fleet.ts";

export type MetricType = "counter" | "gauge" | "histogram";

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
export interface StateMetric extends MetricDefinition {
  /**
   * Visits all samples. Yields between containers, where the reader may make way for others: what
   * is visited between two yields is of one moment.
   */
  readonly read: (fleet: Fleet, visit: VisitSample) => Generator<void, void, void>;
}
