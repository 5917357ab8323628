import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { helmValuesSchema } from "./helm-values-schema.ts";
import { type Dashboard, otlpDashboard } from "./otlp-dashboards.ts";
import { otlpRuleTests } from "./otlp-rule-tests.ts";
import type { RuleTestFile } from "./otlp-rule-tests.ts";
import { otlpRules } from "./otlp-rules.ts";
import type { RuleFile } from "./otlp-rules.ts";
import { prometheusRule } from "./prometheus-rule.ts";

const ROOT = join(import.meta.dirname, "../..");
const DASHBOARDS = "deploy/grafana/dashboards";
const OTLP_DASHBOARDS = "deploy/grafana/otlp-dashboards";
const RULES = "deploy/prometheus/rules/unitwatch.yml";
const TESTS = "deploy/prometheus/tests/unitwatch.test.yml";

/** A YAML or JSON file that is made from another. */
export interface GeneratedFile {
  /** Path from the project's root, as `from`. */
  readonly path: string;
  readonly from: string;
  readonly content: () => object;
}

const CHART = "deploy/helm/unitwatch";
const DASHBOARD_FILES = readdirSync(join(ROOT, DASHBOARDS));

/** Files of the Helm chart that are copies of others: a chart has no files outside its folder. */
export const COPIED_FILES: readonly { readonly path: string; readonly from: string }[] = [
  { path: `${CHART}/files/rules.yml`, from: RULES },
  {
    path: `${CHART}/files/rules-otlp.yml`,
    from: "deploy/prometheus/otlp-rules/unitwatch-otlp.yml",
  },
  ...DASHBOARD_FILES.map((name) => ({
    path: `${CHART}/files/dashboards/${name}`,
    from: `${DASHBOARDS}/${name}`,
  })),
  ...DASHBOARD_FILES.map((name) => ({
    path: `${CHART}/files/otlp-dashboards/${pushedFile(name)}`,
    from: `${OTLP_DASHBOARDS}/${pushedFile(name)}`,
  })),
];

export const GENERATED_FILES: readonly GeneratedFile[] = [
  {
    path: `${CHART}/values.schema.json`,
    from: "src/config/flags.ts",
    content: helmValuesSchema,
  },
  {
    path: "deploy/kubernetes/prometheus-operator/prometheusrule.yaml",
    from: RULES,
    content: prometheusRule,
  },
  {
    path: "deploy/prometheus/otlp-rules/unitwatch-otlp.yml",
    from: RULES,
    content: () => otlpRules(parse(read(RULES)) as RuleFile),
  },
  {
    path: "deploy/prometheus/tests/unitwatch-otlp.test.yml",
    from: TESTS,
    // Series of values such as 0x10 aren't numbers.
    content: () =>
      otlpRuleTests(
        parse(read(TESTS), { schema: "failsafe" }) as RuleTestFile,
        parse(read(RULES)) as RuleFile,
      ),
  },
  ...DASHBOARD_FILES.map((name) => ({
    path: `${OTLP_DASHBOARDS}/${pushedFile(name)}`,
    from: `${DASHBOARDS}/${name}`,
    content: () => {
      const { groups } = parse(read(RULES)) as RuleFile;
      const rules = groups.flatMap((group) => group.rules);
      return otlpDashboard(JSON.parse(read(`${DASHBOARDS}/${name}`)) as Dashboard, rules);
    },
  })),
];

/** Returns the name of a dashboard's file for pushed metrics: `unitwatch-node-otlp.json`. */
function pushedFile(name: string): string {
  return name.replace(/\.json$/, "-otlp.json");
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}
