import type { Registry } from "prom-client";
import { LabelSet } from "../domain/label-set.ts";
import type { OtelDescription } from "./metric.ts";
import { OWN_INSTRUMENTS } from "./own-instruments.ts";

/** A series of the client library's registry. */
export interface RegistrySeries {
  readonly metric: OtelDescription;
  readonly labels: LabelSet;
  /** Sum of a histogram. */
  readonly value: number;
  /** Buckets of a histogram: upper bounds, the last Infinity, each with the count up to it. */
  readonly buckets: readonly (readonly [le: number, count: number])[];
}

/** Returns the series of the registry that have a name over OTLP. */
export async function readRegistry(registry: Registry): Promise<RegistrySeries[]> {
  const all: RegistrySeries[] = [];
  for (const { name, help, values } of await registry.getMetricsAsJSON()) {
    const instrument = OWN_INSTRUMENTS[name];
    if (instrument === undefined) continue;
    const metric = { help, otel: instrument.otel };
    const histograms = new Map<string, Mutable>();
    for (const sample of values) {
      const { le, ...own } = sample.labels as Readonly<Record<string, string | number>>;
      const labels = new LabelSet(
        Object.entries(own).map(([label, value]) => [label, String(value)]),
      );
      const series = { metric, labels, value: sample.value, buckets: [] };
      if (!("metricName" in sample)) {
        all.push(series);
        continue;
      }
      let histogram = histograms.get(labels.text);
      if (histogram === undefined) {
        histogram = series;
        histograms.set(labels.text, histogram);
        all.push(histogram);
      }
      if (le !== undefined) histogram.buckets.push([boundOf(le), sample.value]);
      else if (sample.metricName === `${name}_sum`) histogram.value = sample.value;
    }
  }
  return all;
}

type Mutable = Omit<RegistrySeries, "value" | "buckets"> & {
  value: number;
  buckets: [le: number, count: number][];
};

function boundOf(le: string | number): number {
  return le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le);
}
