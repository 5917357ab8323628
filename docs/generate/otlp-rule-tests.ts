/* Makes the tests of the rules for pushed metrics from those of the rules for scraped ones. */
import { labelNames, pushedSelector, subjectLabels } from "./otlp-rules.ts";
import type { Rule, RuleFile } from "./otlp-rules.ts";

interface Series {
  readonly series: string;
  readonly values: string;
}

interface AlertTest {
  readonly alertname: string;
  readonly eval_time: string;
  readonly exp_alerts: readonly {
    readonly exp_labels: Readonly<Record<string, string>>;
    readonly exp_annotations: Readonly<Record<string, string>>;
  }[];
}

interface RuleTest {
  readonly name: string;
  readonly interval: string;
  readonly input_series: readonly Series[];
  readonly alert_rule_test: readonly AlertTest[];
}

export interface RuleTestFile {
  readonly rule_files: readonly string[];
  readonly evaluation_interval: string;
  readonly tests: readonly RuleTest[];
}

/** Returns the tests for pushed metrics. @param rules those for scraped metrics */
export function otlpRuleTests(tests: RuleTestFile, rules: RuleFile): RuleTestFile {
  const all = rules.groups.flatMap((group) => group.rules);
  return {
    rule_files: ["../otlp-rules/unitwatch-otlp.yml"],
    evaluation_interval: tests.evaluation_interval,
    tests: tests.tests.filter(isCommon).map((test) => ({
      name: test.name,
      interval: test.interval,
      input_series: pushedSeries(test.input_series),
      alert_rule_test: test.alert_rule_test.map((each) => pushedAlerts(each, all)),
    })),
  };
}

/** Scrapes that fail, and metrics that come both ways, are tested by hand. */
function isCommon({ input_series: series, alert_rule_test: alerts }: RuleTest): boolean {
  return (
    alerts.every(({ alertname }) => alertname !== "UnitwatchDown") &&
    series.every((each) => !each.series.startsWith("target_info"))
  );
}

/** `up` becomes `unitwatch_engine_up`, unless the test has that too. */
function pushedSeries(all: readonly Series[]): readonly Series[] {
  const hasEngineUp = all.some(({ series }) => series.startsWith("unitwatch_engine_up"));
  return all
    .filter(({ series }) => !hasEngineUp || !series.startsWith("up{"))
    .map(({ series, values }) => {
      const [, name = "", labels = ""] = /^([^{]+)\{(.*)\}$/.exec(series) ?? [];
      return { series: pushedSelector(name, labels, 'job="unitwatch"'), values };
    });
}

function pushedAlerts(test: AlertTest, rules: readonly Rule[]): AlertTest {
  const rule = rules.find(({ alert }) => alert === test.alertname);
  if (rule === undefined) throw new Error(`no alert ${test.alertname}`);
  const names = labelNames(rule.expr, rules);
  return {
    ...test,
    exp_alerts: test.exp_alerts.map(({ exp_labels: labels, exp_annotations: annotations }) => ({
      exp_labels: {
        ...Object.fromEntries(
          Object.entries(labels).map(([label, value]) => [names.get(label) ?? label, value]),
        ),
        ...Object.fromEntries(
          subjectLabels(names)
            .filter((label) => Object.hasOwn(labels, label))
            .map((label) => [label, labels[label] ?? ""]),
        ),
      },
      exp_annotations: annotations,
    })),
  };
}
