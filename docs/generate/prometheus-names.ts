import type { OtelInstrument } from "../../src/metrics/metric.ts";

const UNITS: Readonly<Record<string, string>> = {
  s: "seconds",
  us: "microseconds",
  By: "bytes",
};

/**
 * Returns the name that Prometheus gives a metric that it receives over OTLP, by its translation
 * strategy `UnderscoreEscapingWithSuffixes`, the default.
 */
export function prometheusName({ name, unit, kind }: OtelInstrument): string {
  const words = name.split(/[^A-Za-z0-9]+/);
  const unitWord = unit.startsWith("{") || unit === "1" ? undefined : (UNITS[unit] ?? unit);
  if (unitWord !== undefined && !words.includes(unitWord)) words.push(unitWord);
  const suffix = kind === "counter" ? "total" : kind === "gauge" && unit === "1" ? "ratio" : "";
  const kept = words.filter((word) => word !== suffix);
  return [...kept, suffix].filter((word) => word !== "").join("_");
}

/** Returns the label that Prometheus makes of an attribute. */
export function prometheusLabel(attribute: string): string {
  return attribute.replaceAll(/[^A-Za-z0-9]/g, "_");
}
