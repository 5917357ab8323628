import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { COPIED_FILES } from "../../docs/generate/generated-files.ts";
import { helmValuesSchema } from "../../docs/generate/helm-values-schema.ts";
import { FLAGS } from "../../src/config/flags.ts";

const ROOT = join(import.meta.dirname, "../..");
const CHART = join(ROOT, "deploy/helm/unitwatch");

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: unknown;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
}

// `npm run test:release` tests the chart with helm itself.
describe("the Helm chart", () => {
  const schema = helmValuesSchema() as Schema;
  const values = parse(readFileSync(join(CHART, "values.yaml"), "utf8")) as Readonly<
    Record<string, unknown>
  >;

  test.each(COPIED_FILES)("has $from as `npm run docs` copies it", ({ path, from }) => {
    expect(readFileSync(join(ROOT, path), "utf8")).toBe(readFileSync(join(ROOT, from), "utf8"));
  });

  test("has the schema that `npm run docs` writes", () => {
    const text = readFileSync(join(CHART, "values.schema.json"), "utf8");
    expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(schema)));
  });

  test("has a schema for each value, and a default for each part of the schema", () => {
    expect(missing(values, schema)).toEqual([]);
    const names = Object.keys(schema.properties ?? {}).filter((name) => name !== "global");
    expect(names.toSorted()).toEqual(Object.keys(values).toSorted());
  });

  test("requires the values whose parts its templates read", () => {
    const templates = globSync(join(CHART, "templates/*")).map((path) =>
      readFileSync(path, "utf8"),
    );
    const read = templates.join("").matchAll(/\.Values\.(\w+)\.\w/g);
    const names = new Set([...read].map(([, name]) => name));
    expect(names.size).toBeGreaterThan(4);
    expect(schema.required).toEqual(expect.arrayContaining([...names]));
  });

  test("takes each flag of the program but those that its other values set", () => {
    const flags = Object.keys(schema.properties?.["flags"]?.properties ?? {});
    const all = Object.values(FLAGS).map(({ name }) => name);
    expect(all.filter((name) => !flags.includes(name)).toSorted()).toEqual([
      "docker.host",
      "storage.path",
      "systemd.transport",
      "web.config.file",
      "web.listen-address",
      "web.telemetry-path",
    ]);
    expect(schema.properties?.["flags"]?.properties?.["otlp.logs"]?.enum).toEqual([
      "on",
      true,
      "off",
      false,
    ]);
  });
});

/** Returns the paths of values that the schema doesn't know. */
function missing(value: unknown, schema: Schema | undefined, path = "values"): readonly string[] {
  if (schema === undefined) return [path];
  if (schema.properties === undefined || typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) =>
    missing(each, schema.properties?.[key], `${path}.${key}`),
  );
}
