import { globSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { splitAt, withPart } from "../../docs/generate/markdown.ts";
import { flagTable } from "../../docs/generate/flag-tables.ts";
import { otelDefinitions } from "../../docs/generate/metric-tables.ts";
import { GENERATED_PARTS } from "../../docs/generate/parts.ts";
import { prometheusName } from "../../docs/generate/prometheus-names.ts";
import { COMMANDS } from "../../src/config/commands.ts";
import type { Command } from "../../src/config/commands.ts";
import { variableName } from "../../src/config/flag/flag.ts";
import { FLAGS, SWITCHES } from "../../src/config/flags.ts";
import { EventKind } from "../../src/domain/event.ts";
import { STATE_METRICS } from "../../src/metrics/catalogue.ts";
import manifest from "../../package.json" with { type: "json" };
import { brokenLinks } from "../support/markdown-links.ts";
import { ownMetrics } from "../support/own-metrics.ts";

const ROOT = join(import.meta.dirname, "../..");
const MAX_README_BYTES = 12 * 1024;

const read = (page: string): string => readFileSync(join(ROOT, page), "utf8");
const withoutCode = (page: string): string => read(page).replaceAll(/^```[^]*?^```$/gm, "");

const USER_PAGES = ["README.md", ...globSync("docs/*.md", { cwd: ROOT }), "deploy/README.md"];
const PAGES = globSync("{*.md,{docs,deploy,findings,test}/**/*.md}", { cwd: ROOT });

describe.each(GENERATED_PARTS)("$page", ({ page, name, content }) => {
  test(`has the ${name} that \`npm run docs\` writes`, () => {
    expect(splitAt(read(page), name).content.trim()).toBe(content().trim());
  });
});

describe.each(PAGES)("%s", (page) => {
  test("links to files and headings that exist", () => {
    expect(brokenLinks(join(ROOT, page))).toEqual([]);
  });

  test("has tables without padding", () => {
    const padded = withoutCode(page)
      .split("\n")
      .filter((line) => line.startsWith("|") && / {2}|-{4}/.test(line));
    expect(padded).toEqual([]);
  });
});

describe.each(USER_PAGES)("%s", (page) => {
  test("names only flags and variables that exist", () => {
    const flags = new Set([
      ...Object.values(FLAGS).map(({ name }) => name),
      ...Object.keys(SWITCHES),
      // Of Prometheus.
      "web.enable-otlp-receiver",
      ...Object.values(COMMANDS).flatMap((command: Command) =>
        Object.values(command.flags).map(({ name }) => name),
      ),
    ]);
    const named = [...read(page).matchAll(/(?<![\w-])--([a-z]+(?:\.[a-z]+)+[a-z-]*)/g)];
    expect(named.map(([, name]) => name).filter((name) => !flags.has(name!))).toEqual([]);

    const variables = new Set(Object.values(FLAGS).map(({ name }) => variableName(name)));
    const other = /^UNITWATCH_(?:IMAGE|BIND|ALERT_ROUNDS|BENCH_OTHER|COUNT_\w+)?$/;
    const set = [...read(page).matchAll(/\bUNITWATCH_[A-Z_]*/g)].map(([name]) => name);
    expect(set.filter((name) => !variables.has(name) && !other.test(name))).toEqual([]);
  });

  test("names only metrics that exist", () => {
    const own = ownMetrics().registry.getMetricsAsArray();
    const metrics = new Set([...STATE_METRICS, ...own].map(({ name }) => name));
    for (const { otel } of otelDefinitions()) metrics.add(prometheusName(otel));
    const labels = ["container_id", "container_name", "unitwatch_stage", "systemd_unit_name"];
    // Labels, and an exporter's name.
    const others = new Set([...labels, "systemd_exporter"]);
    const named = read(page).matchAll(
      /(?<![\w./:-])(?:container|systemd|unitwatch)_[a-z_]*[a-z]\b/g,
    );
    const unknown = [...named]
      .filter(([name]) => !metrics.has(name))
      .map(([name]) => name.replace(/_(?:bucket|sum|count)$/, ""))
      .filter((name) => !metrics.has(name) && !others.has(name));
    expect(unknown.filter((name) => name !== "unitwatch_unitwatch")).toEqual([]);
  });
});

test.each(PAGES)("%s names only scripts of package.json", (page) => {
  const scripts = new Set(Object.keys(manifest.scripts));
  const named = [...read(page).matchAll(/\bnpm run (?:-s )?([a-z][\w:-]*)/g)];
  expect(named.map(([, name]) => name).filter((name) => !scripts.has(name!))).toEqual([]);
});

test("README.md has the two commands that show and test everything", () => {
  expect(read("README.md")).toContain("\nnpm ci && npm run demo\nnpm ci && npm test\n");
});

test("README.md has at most 12 KiB", () => {
  expect(statSync(join(ROOT, "README.md")).size).toBeLessThanOrEqual(MAX_README_BYTES);
});

test("README.md links to every page of the documentation", () => {
  const readme = read("README.md");
  const pages = globSync("docs/*.md", { cwd: ROOT });
  expect(pages.length).toBeGreaterThan(8);
  expect(pages.filter((page) => !readme.includes(`](${page})`))).toEqual([]);
});

// Their members are names of states and results, or depend on what happened.
const VARYING = new Set(["failures", "recent"]);

/** Paths of the members of an object, in their order; of a list, those of its first entry. */
function members(value: unknown, path = ""): readonly string[] {
  if (Array.isArray(value)) return members(value[0], path);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    const inside = `${path}/${name}`;
    const varies = VARYING.has(name) || inside === "/containers/systemd/units";
    return [inside].concat(varies ? [] : members(inner, inside));
  });
}

test("docs/http-api.md shows the members of the state", () => {
  const [, example = ""] = /^```json\n([^]*?)^```$/m.exec(read("docs/http-api.md")) ?? [];
  const state: unknown = JSON.parse(read("test/golden/state.json"));
  expect(members(JSON.parse(example))).toEqual(members(state));
});

test("docs/otlp.md names every kind of change", () => {
  const page = read("docs/otlp.md");
  expect(Object.values(EventKind).filter((kind) => !page.includes(`.${kind}\``))).toEqual([]);
});

test.each(["watcher.ts", "log-records.ts"])(
  "docs/library.md shows the example %s, which is type-checked",
  (file) => {
    const example = readFileSync(join(import.meta.dirname, "examples", file), "utf8");
    const [, code] = /^(import [^]*)$/m.exec(example) ?? [];
    expect(read("docs/library.md")).toContain(
      `\`\`\`ts\n${code?.replace("../../../src/index.ts", "unitwatch")}\`\`\``,
    );
  },
);

test("the flag table has a row for each flag, and escapes pipes", () => {
  const rows = flagTable().split("\n").slice(2);
  expect(rows).toHaveLength(Object.keys(FLAGS).length + Object.keys(SWITCHES).length);
  for (const row of rows) expect(row.match(/(?<!\\)\|/g)).toHaveLength(5);
  expect(rows).toContain(
    "| `--metrics.retention` | `UNITWATCH_METRICS_RETENTION` | `5m` | How long the series of a destroyed container stay. |",
  );
});

test("a generated part replaces only the text between its comments", () => {
  const page = "a\n<!-- generated: x -->\nold\n<!-- end of x -->\nb\n";
  expect(withPart(page, "x", "new")).toBe(
    "a\n<!-- generated: x -->\n\nnew\n\n<!-- end of x -->\nb\n",
  );
  expect(() => withPart(page, "y", "new")).toThrow("no generated part named y");
});
