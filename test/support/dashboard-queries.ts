import {
  type Dashboard,
  interpolate,
  type Target,
  targetsOf,
  type Variable,
} from "./dashboards.ts";
import type { Prometheus, QueryResult } from "./monitoring.ts";

const METRICS = "prometheus";

/** Prometheus that a dashboard queries, and the values of the dashboard's variables. */
export interface Queried {
  readonly prometheus: Prometheus;
  readonly values: Readonly<Record<string, string>>;
}

/** Returns the queries of metrics in a dashboard that give no data. */
export async function unanswered(dashboard: Dashboard, queried: Queried): Promise<string[]> {
  const targets = targetsOf(dashboard, METRICS);
  const results = await Promise.all(targets.map((target) => run(target, queried)));
  return targets.filter((_, at) => results[at]?.length === 0).map(({ expr }) => expr);
}

/** Returns the values that Grafana offers for a variable; undefined if it isn't queried. */
export async function offered(
  { definition }: Variable,
  { prometheus, values }: Queried,
): Promise<readonly string[] | undefined> {
  if (definition === undefined) return undefined;
  const [, selector = "", label = ""] = /^label_values\((.+), (\w+)\)$/.exec(definition) ?? [];
  return prometheus.labelValues(label, interpolate(selector, values));
}

/**
 * Returns the samples, of each query that uses a variable, for a value that the variable never has:
 * panels that count show 0, others show nothing.
 */
export async function samplesWithout(
  { name }: Variable,
  dashboard: Dashboard,
  { prometheus, values }: Queried,
): Promise<readonly (readonly string[])[]> {
  const targets = targetsOf(dashboard, METRICS).filter(({ expr }) =>
    new RegExp(`\\$\\{?${name}\\b`).test(expr),
  );
  const without = { prometheus, values: { ...values, [name]: "there-is-no-such" } };
  const results = await Promise.all(targets.map((target) => run(target, without)));
  return results.map((series) =>
    series.flatMap(({ value, values: all = [] }) =>
      [...(value === undefined ? [] : [value]), ...all].map(([, text]) => text),
    ),
  );
}

function run(target: Target, { prometheus, values }: Queried): Promise<readonly QueryResult[]> {
  const expr = interpolate(target.expr, values);
  return target.instant ? prometheus.query(expr) : prometheus.queryRange(expr);
}
