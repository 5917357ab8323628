import { flagTable, variableTable } from "./flag-tables.ts";
import { importTable } from "./import-table.ts";
import { code, markdownTable } from "./markdown.ts";
import { metricTable, otelMetricTable } from "./metric-tables.ts";
import { AVOIDED_WORDS } from "./wording.ts";
import { NODE_EXPORTER, SYSTEMD_EXPORTER } from "../../test/interop/exporter-differences.ts";

function wordTable(): string {
  const rows = AVOIDED_WORDS.map(({ instead, write }) => [instead, write]);
  return markdownTable(["instead of", "write"], rows);
}

function differenceTable(): string {
  const rows = [...SYSTEMD_EXPORTER, ...NODE_EXPORTER].map(({ metric, reason }) => [
    code(metric),
    reason,
  ]);
  return markdownTable(["their metric", "difference"], rows);
}

/** One generated part of a page. */
export interface GeneratedPart {
  /** Path of the page from the project's root. */
  readonly page: string;
  /** Name in the comments around the part. */
  readonly name: string;
  readonly content: () => string;
}

/** All parts of Markdown pages that are made from the code. `npm run docs` writes them. */
export const GENERATED_PARTS: readonly GeneratedPart[] = [
  { page: "docs/configuration.md", name: "flags", content: flagTable },
  { page: "docs/configuration.md", name: "variables", content: variableTable },
  { page: "docs/metrics.md", name: "container metrics", content: () => metricTable("container_") },
  { page: "docs/metrics.md", name: "systemd metrics", content: () => metricTable("systemd_") },
  { page: "docs/metrics.md", name: "own metrics", content: () => metricTable("unitwatch_") },
  { page: "docs/metrics.md", name: "exporter differences", content: differenceTable },
  { page: "docs/otlp.md", name: "metrics over OTLP", content: otelMetricTable },
  { page: "docs/contributing/architecture.md", name: "imports", content: importTable },
  { page: "docs/contributing/glossary.md", name: "words to avoid", content: wordTable },
];
