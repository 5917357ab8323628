/*
 * Makes the dashboards for metrics that are pushed over OTLP from those for scraped ones: metrics and
 * labels get other names, as in the rules, and hosts are distinguished by `host_name`.
 */
import {
  type Rule,
  labelNames,
  pushedLabel,
  pushedMatchers,
  translatedExpr,
} from "./otlp-rules.ts";

interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat?: string;
}

interface Override {
  readonly matcher: { readonly options: unknown };
}

interface Transformation {
  readonly id: string;
  readonly options: { readonly renameByName?: Readonly<Record<string, string>> };
}

interface Panel {
  readonly targets?: readonly Target[];
  readonly fieldConfig?: { readonly overrides: readonly Override[] };
  readonly transformations?: readonly Transformation[];
}

interface Variable {
  readonly name: string;
  readonly description: string;
  readonly definition?: string;
  readonly query: string | { readonly query: string };
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly links: readonly object[];
  readonly templating: { readonly list: readonly Variable[] };
  readonly panels: readonly Panel[];
}

/** Default of `--otlp.interval`: Grafana's own interval is that of the scrapes. */
const INTERVAL = "60s";
/** Of the process's metrics, only the start is sent. */
const NOT_SENT = /\bprocess_resident_memory_bytes\{/;
const HOST = ["instance", "host_name"] as const;

type Names = ReadonlyMap<string, string>;

/** Returns the dashboard for pushed metrics. */
export function otlpDashboard(dashboard: Dashboard, rules: readonly Rule[]): Dashboard {
  const { uid, title, description, templating, panels } = dashboard;
  const made: Dashboard = {
    ...dashboard,
    uid: `${uid}-otlp`,
    title: `${title}, pushed`,
    description: `${description} For metrics that are pushed over OTLP.`,
    templating: { ...templating, list: templating.list.map((each) => translatedVariable(each)) },
    panels: panels.map((panel) => translatedPanel(panel, rules)),
  };
  // In links to the other dashboard too.
  const text = JSON.stringify(made).replaceAll(/\/d\/([\w-]+)\/([\w-]+)/g, "/d/$1-otlp/$2-otlp");
  return JSON.parse(text) as Dashboard;
}

function translatedPanel(panel: Panel, rules: readonly Rule[]): Panel {
  if (panel.targets === undefined) return panel;
  const { fieldConfig, transformations } = panel;
  const unsent = panel.targets.filter(({ expr }) => NOT_SENT.test(expr));
  const targets = panel.targets.filter((target) => !unsent.includes(target));
  const values = unsent.map(({ refId }) => `Value #${refId}`);
  const columns = new Set(
    (transformations ?? []).flatMap(({ options: { renameByName = {} } }) =>
      values.flatMap((value) => renameByName[value] ?? []),
    ),
  );
  const names = targets.map(({ expr }) => namesIn(expr, rules));
  return {
    ...panel,
    targets: targets.map((target, at) => translatedTarget(target, names[at] ?? new Map())),
    ...(fieldConfig && {
      fieldConfig: {
        ...fieldConfig,
        overrides: fieldConfig.overrides.filter(
          ({ matcher }) => !columns.has(String(matcher.options)),
        ),
      },
    }),
    ...(transformations && {
      transformations: transformations.map((each) => renamed(each, names, values)),
    }),
  };
}

function translatedTarget(target: Target, names: Names): Target {
  const { expr, legendFormat } = target;
  return {
    ...target,
    expr: pushedQuery(expr, names),
    ...(legendFormat !== undefined && {
      legendFormat: legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => {
        return `{{${names.get(label) ?? label}}}`;
      }),
    }),
    // Grafana makes $__rate_interval four times as long.
    ...(expr.includes("$__rate_interval") && { interval: INTERVAL }),
  };
}

/** Returns a transformation whose columns have the names of pushed labels, without those of `values`. */
function renamed(
  transformation: Transformation,
  names: readonly Names[],
  values: readonly string[],
): Transformation {
  const { renameByName } = transformation.options;
  if (renameByName === undefined) return transformation;
  const columns = Object.entries(renameByName)
    .filter(([name]) => !values.includes(name))
    .flatMap(([name, shown]) => {
      const own = new Set(names.flatMap((each) => each.get(name) ?? []));
      return (own.size === 0 ? [name] : [...own]).map((each) => [each, shown] as const);
    });
  const options = { ...transformation.options, renameByName: Object.fromEntries(columns) };
  return { ...transformation, options };
}

function translatedVariable(variable: Variable): Variable {
  const description = variable.description
    .replace("The Prometheus that scrapes unitwatch", "The Prometheus that unitwatch pushes to")
    .replace("those that Prometheus scrapes", "those that push their metrics");
  const { definition } = variable;
  if (definition === undefined || typeof variable.query === "string") {
    return { ...variable, description };
  }
  const translated = definition.replace(
    /^label_values\((.+), (\w+)\)$/,
    (_, selector: string, label: string) => {
      const [, metric = ""] = /^(\w+)\{/.exec(selector) ?? [];
      const own = label === HOST[0] ? HOST[1] : pushedLabel(metric, label);
      return `label_values(${pushedQuery(selector, new Map([HOST]))}, ${own})`;
    },
  );
  const query = { ...variable.query, query: translated };
  return { ...variable, description, definition: translated, query };
}

function namesIn(expr: string, rules: readonly Rule[]): Names {
  return new Map([...labelNames(expr, rules), HOST]);
}

function pushedQuery(expr: string, names: Names): string {
  // `up` becomes unitwatch_engine_up, which is 0 while the engine is down.
  const counted = expr.replace(/^sum\((up\{[^}]*\})\)$/, "count($1)");
  return translatedExpr(counted, names)
    .replaceAll(
      /\bALERTS\{([^}]*)\}/g,
      (_, matchers: string) => `ALERTS{${pushedMatchers(matchers)}}`,
    )
    .replaceAll(/\binstance(?==~"\$instance")/g, HOST[1]);
}
