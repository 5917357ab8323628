import { resourceFromAttributes } from "@opentelemetry/resources";
import { attributeOf } from "../../src/metrics/metric.ts";
import type { OtelMetricDefinition } from "../../src/metrics/metric.ts";
import { serialized } from "../../src/otlp/metric-request.ts";
import type { MetricSlice, MetricSource } from "../../src/otlp/metric-request.ts";
import type { Scrape } from "./exposition.ts";
import { decodeOtlpMetrics } from "./otlp-metrics.ts";
import type { ReceivedPoint } from "./otlp-metrics.ts";

/** One collection as a receiver reads it. */
export interface Collected {
  readonly points: readonly ReceivedPoint[];
  readonly slices: readonly MetricSlice[];
  /** Marks all points as accepted. */
  readonly accepted: () => void;
}

export async function collected(source: MetricSource): Promise<Collected> {
  const frame = {
    resource: resourceFromAttributes({ "service.name": "unitwatch" }),
    scope: { name: "unitwatch", version: "1.2.3" },
  };
  const points: ReceivedPoint[] = [];
  const slices: MetricSlice[] = [];
  for await (const slice of source.collect()) {
    if (slice.length === 0) continue;
    slices.push(slice);
    points.push(...decodeOtlpMetrics(serialized(frame, slice).bytes));
  }
  return {
    points,
    slices,
    accepted() {
      for (const { accepted } of slices.flat()) for (const mark of accepted) mark();
    },
  };
}

/** Returns the pushed values of a metric by attributes as text, without the container's id. */
export function pushedValues(
  points: readonly ReceivedPoint[],
  { otel, labels }: OtelMetricDefinition,
): Record<string, number> {
  const hasId = labels.includes("container_id");
  return Object.fromEntries(
    points
      .filter(({ name }) => name === otel.name)
      .map(({ attributes, value }) => [
        keyOf(
          Object.entries(attributes)
            .filter(([name]) => name !== "container.id" || hasId)
            .map(([name, value]) => [name, String(value)]),
        ),
        value,
      ]),
  );
}

/** Returns the scraped values of a metric in the same form and unit. */
export function scrapedValues(
  scrape: Scrape,
  { name, otel }: OtelMetricDefinition,
): Record<string, number> {
  return Object.fromEntries(
    scrape.select(name).map(({ labels, value }) => [
      keyOf(
        Object.entries(labels)
          .filter(([label, text]) => !(label === "exit_code" && text === "unknown"))
          .map(([label, text]) => [attributeOf(otel, label), text]),
      ),
      otel.factor === undefined ? value : Math.round(value * otel.factor),
    ]),
  );
}

function keyOf(pairs: (readonly [string, string])[]): string {
  return pairs
    .map(([name, value]) => `${name}=${value}`)
    .sort()
    .join();
}
