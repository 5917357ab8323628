import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { goModule } from "../support/go-program.ts";

/** A query that another exporter ships, of metrics of systemd. */
export interface ForeignQuery {
  readonly file: string;
  /** Name of its alert; "" for one of a dashboard, or of a text. */
  readonly alert: string;
  /** As it is shipped, with its selector of targets filled in. */
  readonly expr: string;
}

const NODE_EXPORTER = "github.com/prometheus/node_exporter@v1.10.2";
const SYSTEMD_EXPORTER = "github.com/prometheus-community/systemd_exporter@v0.7.0";

/** Files that can have queries: mixins, rules, dashboards, and examples in a text. */
const QUERY_FILES = /\.(?:libsonnet|jsonnet|json|ya?ml|md)$/;
/** Metrics of systemd, of either exporter; not the names of the exporters. */
const SYSTEMD = /\b(?:node_)?systemd_(?!exporter)[a-z_]+/;
const TARGETS = 'job="unitwatch"';

/**
 * Returns the queries of metrics of systemd in alerts, dashboards and texts that node_exporter and
 * systemd_exporter ship in their modules.
 */
export async function foreignQueries(): Promise<readonly ForeignQuery[]> {
  const modules = await Promise.all([
    goModule(NODE_EXPORTER).then((folder) => join(folder, "docs")),
    goModule(SYSTEMD_EXPORTER),
  ]);
  const queries = await Promise.all(modules.map(queriesBelow));
  return queries.flat();
}

async function queriesBelow(folder: string): Promise<readonly ForeignQuery[]> {
  const files = (await readdir(folder, { recursive: true })).filter((name) =>
    QUERY_FILES.test(name),
  );
  const queries = await Promise.all(
    files.map(async (file) => queriesIn(file, await readFile(join(folder, file), "utf8"))),
  );
  return queries.flat();
}

/** Blocks of text after `expr:`, or in quotes after it or `"expr":`; in a text, code with a function. */
const EXPRESSIONS =
  /(?:alert: '(?<alert>\w+)',\s*)?\bexpr["']?:\s*(?:\|\|\|\n(?<block>[^|]*?)\|\|\||(?<quote>["'])(?<quoted>.*?)\k<quote>)|`(?<code>\w+\(.*?)`/gs;

function queriesIn(file: string, text: string): readonly ForeignQuery[] {
  return [...text.matchAll(EXPRESSIONS)].flatMap(({ groups = {} }) => {
    const { alert = "", block, quoted, code } = groups;
    const expr = (block ?? quoted ?? code ?? "")
      .replaceAll(/%\(\w*[sS]elector\)s/g, TARGETS)
      .trim();
    return SYSTEMD.test(expr) ? [{ file, alert, expr }] : [];
  });
}

/** Returns the query for our names: those of node_exporter are here without `node_`. */
export function forUnitwatch(expr: string): string {
  return expr.replaceAll("node_systemd_", "systemd_");
}
