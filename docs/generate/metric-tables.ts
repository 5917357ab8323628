import { STATE_METRICS } from "../../src/metrics/catalogue.ts";
import { attributeOf } from "../../src/metrics/metric.ts";
import type { MetricDefinition, OtelMetricDefinition } from "../../src/metrics/metric.ts";
import { OWN_INSTRUMENTS } from "../../src/metrics/own-instruments.ts";
import { ownMetrics } from "../../test/support/own-metrics.ts";
import { code, markdownTable } from "./markdown.ts";
import { prometheusName } from "./prometheus-names.ts";

/** Returns a row for each metric on /metrics whose name begins with `prefix`. */
export function metricTable(prefix: string): string {
  const rows = [...STATE_METRICS, ...ownDefinitions()]
    .filter(({ name }) => name.startsWith(prefix))
    .map(({ name, type, labels, help }) => [code(name), type, labels.map(code).join(", "), help]);
  return markdownTable(["metric", "type", "labels", "meaning"], rows);
}

/** Returns a row for each metric that is sent over OTLP. */
export function otelMetricTable(): string {
  const rows = otelDefinitions().map(({ name, labels, otel, cardinality }) => {
    const attributes = labels.map((label) => attributeOf(otel, label));
    if (labels.includes("container")) attributes.push("container.id");
    const pushed = prometheusName(otel);
    return [
      code(name),
      code(otel.name),
      otel.kind,
      code(otel.unit),
      [...new Set(attributes)].map(code).join(", "),
      cardinality,
      pushed === name ? "the same" : code(pushed),
    ];
  });
  return markdownTable(
    ["metric", "over OTLP", "type", "unit", "attributes", "cardinality", "in Prometheus"],
    rows,
  );
}

/** Returns every metric that is sent over OTLP. */
export function otelDefinitions(): readonly OtelMetricDefinition[] {
  return [...STATE_METRICS, ...ownOtelDefinitions()];
}

function ownDefinitions(): MetricDefinition[] {
  return ownMetrics()
    .registry.getMetricsAsArray()
    .map((metric) => {
      const { name, help, type, labelNames } = metric as typeof metric & { labelNames: string[] };
      return { name, help, type, labels: labelNames } as MetricDefinition;
    });
}

/** @throws Error if a metric of unitwatch itself has no name over OTLP */
function ownOtelDefinitions(): OtelMetricDefinition[] {
  return ownDefinitions()
    .filter(({ name }) => name.startsWith("unitwatch_") || Object.hasOwn(OWN_INSTRUMENTS, name))
    .map((definition) => {
      const instrument = OWN_INSTRUMENTS[definition.name];
      if (instrument === undefined) throw new Error(`${definition.name} has no name over OTLP`);
      const { otel, cardinality } = instrument;
      return Object.assign(definition, { otel, cardinality });
    });
}
