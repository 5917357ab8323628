import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { flagTable } from "../../src/config/help.ts";
import { EventKind } from "../../src/domain/event.ts";
import { STATE_METRICS } from "../../src/metrics/catalogue.ts";
import { attributeOf } from "../../src/metrics/metric.ts";
import type { MetricDefinition, OtelMetricDefinition } from "../../src/metrics/metric.ts";
import { OWN_INSTRUMENTS } from "../../src/metrics/own-instruments.ts";
import { brokenLinks } from "../support/markdown-links.ts";
import { ownMetrics } from "../support/own-metrics.ts";

const ROOT = join(import.meta.dirname, "../..");
const README = join(ROOT, "README.md");

/** Written anew by `UPDATE_DOCS=1 npm test -- test/docs`, before oxfmt. */
const TABLES: Readonly<Record<string, () => string>> = {
  "metrics of containers": () => metricTable(STATE_METRICS, /^container_/),
  "metrics of systemd": () => metricTable(STATE_METRICS, /^systemd_/),
  "metrics of unitwatch": () => metricTable([...STATE_METRICS, ...ownDefinitions()], /^unitwatch_/),
  "metrics over OTLP": () => otelTable([...STATE_METRICS, ...ownOtelDefinitions()]),
  flags: flagTable,
};

describe("README.md", () => {
  for (const [name, table] of Object.entries(TABLES)) {
    test(`has the table of ${name} as the code has it`, () => {
      const [before, shown, after] = sectionOf(name);
      if (process.env["UPDATE_DOCS"] === "1") {
        writeFileSync(README, `${before}\n\n${table().trim()}\n\n${after}`);
      } else {
        expect(rowsOf(shown)).toEqual(rowsOf(table()));
      }
    });
  }

  test("names every event", () => {
    const text = readFileSync(README, "utf8");
    expect(Object.values(EventKind).filter((kind) => !text.includes(`.${kind}\``))).toEqual([]);
  });

  test("shows the example of the library that is type-checked here", () => {
    const example = readFileSync(join(import.meta.dirname, "library-example.ts"), "utf8");
    const [, code] = /^(import [^]*)$/m.exec(example) ?? [];
    expect(readFileSync(README, "utf8")).toContain(
      `\`\`\`ts\n${code?.replace("../../src/index.ts", "unitwatch")}\`\`\``,
    );
  });

  test("leads to files and headings that are there", () => {
    expect(brokenLinks(README)).toEqual([]);
  });
});

/** What stands before, between and after the two comments of a section. */
function sectionOf(name: string): [before: string, shown: string, after: string] {
  const text = readFileSync(README, "utf8");
  const start = `<!-- ${name} -->`;
  const end = `<!-- end of ${name} -->`;
  const from = text.indexOf(start) + start.length;
  const to = text.indexOf(end);
  if (from < start.length || to < from) throw new Error(`README.md has no section ${name}`);
  return [text.slice(0, from), text.slice(from, to), text.slice(to)];
}

function metricTable(metrics: readonly MetricDefinition[], name: RegExp): string {
  const rows = metrics
    .filter((metric) => name.test(metric.name))
    .map(({ name, type, labels, help }) => {
      const shown = labels.map((label) => `\`${label}\``).join(", ");
      return `| \`${name}\` | ${type} | ${shown} | ${help} |`;
    });
  return ["| metric | type | labels | meaning |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

function ownDefinitions(): MetricDefinition[] {
  return ownMetrics()
    .registry.getMetricsAsArray()
    .map((metric) => {
      const { name, help, type, labelNames } = metric as typeof metric & { labelNames: string[] };
      return { name, help, type, labels: labelNames } as MetricDefinition;
    });
}

function otelTable(metrics: readonly OtelMetricDefinition[]): string {
  const rows = metrics.map(({ name, labels, otel, cardinality }) => {
    const attributes = labels.map((label) => attributeOf(otel, label));
    if (labels.includes("container")) attributes.push("container.id");
    const shown = [...new Set(attributes)].map((attribute) => `\`${attribute}\``).join(", ");
    const { name: otelName, kind, unit } = otel;
    return `| \`${name}\` | \`${otelName}\` | ${kind} | \`${unit}\` | ${shown} | ${cardinality} |`;
  });
  const head = "| metric | over OTLP | type | unit | attributes | cardinality |";
  return [head, "| --- | --- | --- | --- | --- | --- |", ...rows].join("\n");
}

/** Those of unitwatch's own metrics that are sent; each of its own has to be among them. */
function ownOtelDefinitions(): OtelMetricDefinition[] {
  return ownDefinitions()
    .filter(({ name }) => name.startsWith("unitwatch_"))
    .map((definition) => {
      const instrument = OWN_INSTRUMENTS[definition.name];
      if (instrument === undefined) throw new Error(`${definition.name} has no name over OTLP`);
      const { otel, cardinality } = instrument;
      return Object.assign(definition, { otel, cardinality });
    });
}

/** The rows of a table, however wide its columns are. */
function rowsOf(table: string): string[] {
  return table
    .trim()
    .split("\n")
    .map((row) => row.replaceAll(/-{3,}/g, "---").replaceAll(/ +/g, " "));
}
