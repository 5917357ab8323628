/*
 * Makes the rules for metrics that are pushed over OTLP from those for scraped ones: each metric and
 * label gets the name that Prometheus makes of its OTLP name.
 */
import { attributeOf, type OtelMetricDefinition } from "../../src/metrics/metric.ts";
import { otelDefinitions } from "./metric-tables.ts";
import { prometheusLabel, prometheusName } from "./prometheus-names.ts";

export interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface RuleFile {
  readonly groups: readonly {
    readonly name: string;
    readonly interval?: string;
    readonly rules: readonly Rule[];
  }[];
}

/** Matches `service.namespace`, which precedes the name of the service, too. */
const JOB = 'job=~"(.+/)?unitwatch"';
/** Instances that the rules for scraped metrics also know; their alerts come from there. */
const SCRAPED = "instance:unitwatch_scraped:count";
/** Parts of a histogram. */
const HISTOGRAM = /_(?:bucket|sum|count)$/;
const SELECTOR = /([a-z_:][a-z0-9_:]*)\{([^}]*)\}/g;

/** Labels that name what an alert is about. Routes, inhibitions and silences use them. */
const SUBJECT = ["container", "node", "cluster", "user", "name"] as const;

/** Metrics, besides those of units, of which user managers have series. */
const OF_USERS: ReadonlySet<string> = new Set([
  "systemd_system_state",
  "systemd_units",
  "unitwatch_systemd_up",
]);

const metrics = new Map(otelDefinitions().map((each) => [each.name, each]));

/** Names in Prometheus of labels, by those of the exposition. */
export type LabelNames = ReadonlyMap<string, string>;

/** Returns the rules for pushed metrics. */
export function otlpRules({ groups }: RuleFile): RuleFile {
  const all = groups.flatMap(({ rules }) => rules);
  return {
    groups: [
      { name: "unitwatch-otlp-scraped", rules: [scrapedRule()] },
      ...groups.map(({ name, rules }) => ({
        name: name.replace("unitwatch-", "unitwatch-otlp-"),
        rules: rules.filter(isTranslated).map((rule) => translated(rule, all)),
      })),
    ],
  };
}

/** Returns the labels of an expression, nested records included; of two metrics, the first one's. */
export function labelNames(expr: string, rules: readonly Rule[]): LabelNames {
  const names = new Map<string, string>();
  for (const [, name = ""] of expr.matchAll(SELECTOR)) {
    const found = recordedLabels(name, rules) ?? metricLabels(name);
    for (const [label, own] of found) if (!names.has(label)) names.set(label, own);
  }
  return names;
}

/** Returns the labels of the exposition that an alert on pushed metrics may have besides its own. */
export function subjectLabels(names: LabelNames): readonly string[] {
  return SUBJECT.filter((label) => names.has(label));
}

/** Returns a series or selector of a scraped metric as that of the pushed one. */
export function pushedSelector(name: string, matchers: string, job = JOB): string {
  return `${pushedName(name)}{${pushedMatchers(matchers, metricLabels(name), job)}}`;
}

/** Returns the matchers of a selector as those of pushed series. */
export function pushedMatchers(matchers: string, names: LabelNames = new Map(), job = JOB): string {
  return matchers.replaceAll(/(\w+)(=~|!~|!=|=)("[^"]*"|%q)/g, (all, label, sign, value) =>
    all === 'job="unitwatch"' ? job : `${names.get(label) ?? label}${sign}${value}`,
  );
}

/** Returns the name that a label of a metric has if it is pushed. */
export function pushedLabel(metric: string, label: string): string {
  return metricLabels(metric).get(label) ?? label;
}

function pushedName(name: string): string {
  if (name === "up") return "unitwatch_engine_up";
  // A scraped instance has `up`, a pushed one `target_info`.
  if (name === "target_info") return "up";
  if (name.includes(":")) return `${name}_otlp`;
  const metric = definitionOf(name);
  if (metric === undefined) throw new Error(`${name} is not sent over OTLP`);
  const [suffix = ""] = name === metric.name ? [] : (HISTOGRAM.exec(name) ?? []);
  return `${prometheusName(metric.otel)}${suffix}`;
}

function definitionOf(name: string): OtelMetricDefinition | undefined {
  return metrics.get(name) ?? metrics.get(name.replace(HISTOGRAM, ""));
}

function metricLabels(name: string): LabelNames {
  const metric = definitionOf(name);
  if (metric === undefined) return new Map();
  const isOfUnits = metric.labels.includes("name") || OF_USERS.has(name);
  const labels = isOfUnits ? [...metric.labels, "user"] : metric.labels;
  return new Map(labels.map((label) => [label, prometheusLabel(attributeOf(metric.otel, label))]));
}

function recordedLabels(name: string, rules: readonly Rule[]): LabelNames | undefined {
  const rule = rules.find(({ record }) => record === name);
  return rule && labelNames(rule.expr, rules);
}

/** The record of scraped containers has a counterpart of its own. */
function isTranslated({ record }: Rule): boolean {
  return record !== "container_id:unitwatch_scraped:count";
}

function translated(rule: Rule, all: readonly Rule[]): Rule {
  const names = labelNames(rule.expr, all);
  if (rule.alert === "UnitwatchDown") return { ...rule, ...DOWN };
  const expr = translatedExpr(rule.expr, names);
  if (rule.alert === undefined) return { record: `${rule.record}_otlp`, expr };
  const { labels = {}, annotations = {} } = rule;
  const subject = subjectLabels(names).map((label) => [
    label,
    `{{ $labels.${names.get(label) ?? label} }}`,
  ]);
  return {
    ...rule,
    expr: `(\n${indented(expr)}\n)\nunless on (job, instance) ${SCRAPED}{${JOB}}\n`,
    labels: { ...labels, ...(Object.fromEntries(subject) as Record<string, string>) },
    annotations: Object.fromEntries(
      Object.entries(annotations).map(([name, text]) => [name, translatedText(text, names)]),
    ),
  };
}

/** Returns a query of scraped metrics as one of pushed ones; `names` are those of its labels. */
export function translatedExpr(expr: string, names: LabelNames): string {
  return (
    expr
      // Whether unitwatch pushed at that time; it may not have reached the engine.
      .replaceAll(/(up\{[^}]*\} offset \w+) == 1/g, "$1")
      .replaceAll(SELECTOR, (_, name: string, matchers: string) => {
        // A record has the labels of the metrics that it is made of.
        const own = name.includes(":") ? names : metricLabels(name);
        return `${pushedName(name)}{${pushedMatchers(matchers, own)}}`;
      })
      .replaceAll(
        /\b(on|by|without|ignoring|group_left|group_right) \(([^)]*)\)/g,
        (_, clause: string, labels: string) =>
          `${clause} (${labels
            .split(", ")
            .map((label) => names.get(label) ?? label)
            .join(", ")})`,
      )
  );
}

/** Prefers the host's name, which Prometheus can promote, to the instance's id. */
function translatedText(text: string, names: LabelNames): string {
  return translatedQueries(text, names).replaceAll(/\$labels\.(\w+)/g, (_, label: string) =>
    label === "instance"
      ? "or $labels.host_name $labels.instance"
      : `$labels.${names.get(label) ?? label}`,
  );
}

/**
 * Translates the queries of a text, which are in backquotes, and what follows up to the next one: it
 * names labels of the alert (`.Labels.node`), and those of the samples alone.
 */
function translatedQueries(text: string, names: LabelNames): string {
  const own = new Map(names);
  return text.replaceAll(/`([^`]*)`([^`]*)/g, (_, query: string, rest: string) => {
    const [, metric = ""] = /^([a-z_:]+)\{/.exec(query) ?? [];
    for (const [label, name] of metricLabels(metric)) if (!own.has(label)) own.set(label, name);
    const translatedRest = rest
      .replaceAll(/\.Labels\.(\w+)/g, (_all, label: string) => `.Labels.${own.get(label) ?? label}`)
      .replaceAll(/sortByLabel "(\w+)"/g, (_all, label: string) => {
        return `sortByLabel "${own.get(label) ?? label}"`;
      });
    return `\`${translatedExpr(query, own)}\`${translatedRest}`;
  });
}

function scrapedRule(): Rule {
  return {
    record: SCRAPED,
    expr: `count by (job, instance) (
  container_info{${JOB}, container_name!=""}
    and on (container_id) container_id:unitwatch_scraped:count
)
`,
  };
}

/** The alert on silence: nothing says that a push was the last one. */
const DOWN = {
  expr: `(
  present_over_time(unitwatch_engine_up{${JOB}}[1h])
    unless unitwatch_engine_up{${JOB}}
    unless on (job, instance) present_over_time(up{${JOB}}[1h])
    unless on (job, instance) last_over_time(${SCRAPED}{${JOB}}[1h])
)
or
label_replace(absent(unitwatch_engine_up{${JOB}} or up{${JOB}}), "job", "unitwatch", "", "")
`,
  annotations: {
    summary:
      "unitwatch {{ with or $labels.host_name $labels.instance }}on {{ . }} has stopped pushing{{ else }}pushes from nowhere{{ end }}",
    description:
      '{{ with or $labels.host_name $labels.instance }}unitwatch on {{ . }} has pushed metrics within the last hour, and none in the last 5 minutes{{ else }}Prometheus receives no metrics of the service "unitwatch", and scrapes none{{ end }}: the state of its containers is unknown.',
    runbook: "deploy/runbooks.md#unitwatchdown",
  },
} as const;

function indented(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, "  ");
}
