import type { Attributes } from "@opentelemetry/api";
import type { LabelSet } from "../domain/label-set.ts";
import type { SeriesLabels } from "./counter-ledger.ts";
import { attributeOf } from "./metric.ts";
import type { OtelInstrument } from "./metric.ts";

/** Attributes that are numbers by convention. Other values, such as an unknown code, are omitted. */
const NUMBERS: ReadonlySet<string> = new Set(["process.exit.code"]);

/** Returns labels as attributes, with the id of the container that they belong to. */
export function sharedAttributes(otel: OtelInstrument, labels: LabelSet): Attributes {
  const attributes: Attributes = {};
  for (const [name, value] of labels.pairs) attributes[attributeOf(otel, name)] = value;
  const id = labels.origin?.containerId;
  if (id !== undefined) attributes["container.id"] = id;
  return attributes;
}

/** @param shared result of {@link sharedAttributes} for the labels */
export function attributesOf(
  otel: OtelInstrument,
  { labels, extraName, extraValue = "" }: SeriesLabels,
  shared = sharedAttributes(otel, labels),
): Attributes {
  if (extraName === undefined) return shared;
  const name = attributeOf(otel, extraName);
  if (!NUMBERS.has(name)) return { ...shared, [name]: extraValue };
  const number = Number(extraValue);
  return Number.isInteger(number) ? { ...shared, [name]: number } : shared;
}
