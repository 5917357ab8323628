import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const GRAFANA = join(import.meta.dirname, "../../deploy/grafana");

/** Folders of deploy/grafana: dashboards for scraped metrics, and for those pushed over OTLP. */
export const DASHBOARD_FOLDERS = ["dashboards", "otlp-dashboards"] as const;

export interface Target {
  readonly expr: string;
  /** True for an instant query, false for a range query. */
  readonly instant: boolean;
  readonly datasource: { readonly type: string; readonly uid: string };
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly targets?: readonly Target[];
  readonly fieldConfig?: {
    readonly defaults: { readonly unit?: string; readonly thresholds?: unknown };
  };
}

export interface Variable {
  readonly name: string;
  readonly type: string;
  /** In Grafana's format: `label_values(SELECTOR, LABEL)`. */
  readonly definition?: string;
  /** Of a variable for data sources: their type. */
  readonly query?: unknown;
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
  readonly links: readonly { readonly url: string }[];
  /** Parsed file. */
  readonly text: string;
}

/** Reads the dashboards of deploy/. */
export function readDashboards(
  folder: (typeof DASHBOARD_FOLDERS)[number] = "dashboards",
): Dashboard[] {
  return readdirSync(join(GRAFANA, folder)).map((name) => {
    const text = readFileSync(join(GRAFANA, folder, name), "utf8");
    return Object.assign(JSON.parse(text) as Omit<Dashboard, "text">, { text });
  });
}

/** Type of the data source of log panels. */
export const LOGS = "victoriametrics-logs-datasource";

/** Returns the queries of the panels with this type of data source. */
export function targetsOf({ panels }: Dashboard, type: string): Target[] {
  return panels
    .flatMap(({ targets = [] }) => targets)
    .filter(({ datasource }) => datasource.type === type);
}

/** Returns the query that Grafana sends for these values of the variables; a format changes none of them. */
export function interpolate(expr: string, values: Readonly<Record<string, string>>): string {
  const all: Readonly<Record<string, string>> = {
    __rate_interval: "20s",
    __range: "1h",
    ...values,
  };
  return expr.replaceAll(/\$(?:\{(\w+)(?::\w+)?\}|(\w+))/g, (_, braced?: string, bare?: string) => {
    const value = all[braced ?? bare ?? ""];
    if (value === undefined) throw new Error(`no value for ${braced ?? bare} in ${expr}`);
    return value;
  });
}
