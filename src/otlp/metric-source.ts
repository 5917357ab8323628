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
