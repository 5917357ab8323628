import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { otelDefinitions } from "../../docs/generate/metric-tables.ts";
import { prometheusLabel, prometheusName } from "../../docs/generate/prometheus-names.ts";
import manifest from "../../package.json" with { type: "json" };
import { attributeOf } from "../../src/metrics/metric.ts";
import { DASHBOARD_FOLDERS, LOGS, readDashboards, targetsOf } from "../support/dashboards.ts";
import { brokenLinks } from "../support/markdown-links.ts";

const ROOT = join(import.meta.dirname, "../..");
const DEPLOY = join(ROOT, "deploy");
const PROMETHEUS = { type: "prometheus", uid: "${datasource}" };
const VICTORIA_LOGS = { type: LOGS, uid: "${logs}" };

interface Service {
  readonly image: string;
  readonly user: string;
  readonly read_only: boolean;
  readonly cap_drop: readonly string[];
  readonly security_opt?: readonly string[];
  readonly mem_limit?: string;
  readonly pids_limit?: number;
  readonly healthcheck?: object;
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes: readonly (string | { readonly target: string })[];
  readonly ports?: readonly (string | { readonly target: number })[];
}

const compose = read("compose.yaml") as { services: Readonly<Record<string, Service>> };
const swarm = read("swarm.yaml") as { services: Readonly<Record<string, Service>> };

describe("compose.yaml", () => {
  test.each(Object.entries(compose.services))(
    "pins the image of %s and confines it",
    (name, service) => {
      expect(service.image).toMatch(/:v?\d+\.\d+\.\d+$/);
      expect(service).toMatchObject({
        read_only: true,
        cap_drop: ["ALL"],
        security_opt: ["no-new-privileges:true"],
        mem_limit: expect.stringMatching(/^\d+[mg]$/),
        pids_limit: expect.any(Number),
      });
      expect(Number(service.user.split(":")[0])).toBeGreaterThan(0);
      // unitwatch's image has a health check; the collector's image has no command for one.
      expect(service.healthcheck !== undefined).toBe(!["unitwatch", "collector"].includes(name));
      for (const port of service.ports ?? []) expect(port).toMatch(/127\.0\.0\.1/);
    },
  );

  test("mounts files that exist", () => {
    const mounted = Object.values(compose.services)
      .flatMap(({ volumes }) => volumes.map(String))
      .flatMap((volume) => (volume.startsWith("./") ? (volume.split(":")[0] ?? []) : []));
    expect(mounted.length).toBeGreaterThan(4);
    for (const path of mounted) expect(existsSync(join(DEPLOY, path))).toBe(true);
  });

  test("runs every service that the configurations name", () => {
    const files = [
      "prometheus/prometheus.yml",
      "prometheus/targets/unitwatch.yml",
      "otel-collector/config.yaml",
      "grafana/provisioning/datasources/unitwatch.yml",
    ];
    const asked = files.flatMap((file) => {
      const text = readFileSync(join(DEPLOY, file), "utf8").replaceAll(/^\s*#.*$/gm, "");
      return [...text.matchAll(/([a-z][a-z-]+):(?:9090|9093|10558|9428|8888)\b/g)].map(
        ([, host = ""]) => host,
      );
    });
    const names = [...new Set(asked)].filter((host) => host !== "localhost").toSorted(byText);
    expect(names).toEqual([
      "alertmanager",
      "collector",
      "prometheus",
      "unitwatch",
      "victoria-logs",
    ]);
    expect(Object.keys(compose.services)).toEqual(expect.arrayContaining(names));
  });
});

test.each([
  ["compose.yaml", compose.services["unitwatch"]],
  ["swarm.yaml", swarm.services["unitwatch"]],
])("%s runs the image as the Dockerfile makes it", (_, service) => {
  const dockerfile = readFileSync(join(ROOT, "Dockerfile"), "utf8");
  const [, user] = /^USER (\d+):/m.exec(dockerfile) ?? [];
  const [, storage] = /UNITWATCH_STORAGE_PATH=(\S+)/.exec(dockerfile) ?? [];
  const [, port] = /^EXPOSE (\d+)/m.exec(dockerfile) ?? [];
  const targets = service?.volumes.map((volume) =>
    typeof volume === "string" ? volume.split(":")[1] : volume.target,
  );

  expect(service?.user.split(":")[0]).toBe(user);
  expect(targets).toEqual(["/var/run/docker.sock", storage]);
  expect(JSON.stringify(service?.ports)).toContain(String(port));
  expect(service?.cap_drop).toEqual(["ALL"]);
  expect(service?.read_only).toBe(true);
});

test("compose.socket.yaml adds the rights for the socket, and a storage of root's", () => {
  const { services, volumes } = read("compose.socket.yaml") as {
    services: Readonly<Record<string, object>>;
    volumes: object;
  };
  expect(services).toEqual({
    unitwatch: {
      pid: "host",
      user: "0:0",
      cap_add: ["SYS_PTRACE", "SETUID", "SETGID"],
      environment: { UNITWATCH_STORAGE_PATH: "/var/lib/unitwatch-root" },
      volumes: ["unitwatch-root:/var/lib/unitwatch-root"],
    },
  });
  expect(Object.keys(volumes)).toEqual(["unitwatch-root"]);
});

test("names the image of the current version", () => {
  expect(compose.services["unitwatch"]?.image).toBe(`unitwatch:${manifest.version}`);
});

describe("Grafana", () => {
  const sources = (
    read("grafana/provisioning/datasources/unitwatch.yml") as {
      datasources: readonly { uid: string; type: string }[];
    }
  ).datasources;

  test("finds the dashboards in the mounted folder", () => {
    const { providers } = read("grafana/provisioning/dashboards/unitwatch.yml") as {
      providers: readonly { options: { path: string } }[];
    };
    const mounts = compose.services["grafana"]?.volumes ?? [];
    expect(mounts).toContain(`./grafana/dashboards:${providers[0]?.options.path}:ro`);
    const home =
      compose.services["grafana"]?.environment?.["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"];
    expect(readdirSync(join(DEPLOY, "grafana/dashboards"))).toContain(home?.split("/").at(-1));
  });

  test("alerts with an existing data source", () => {
    const alerting = readFileSync(
      join(DEPLOY, "grafana/provisioning/alerting/unitwatch.yml"),
      "utf8",
    );
    const uids = [...alerting.matchAll(/datasourceUid: (\S+)/g)].map(([, uid]) => uid);
    expect(uids).toEqual(["unitwatch-prometheus", "__expr__"]);
    expect(sources.map(({ uid }) => uid)).toContain("unitwatch-prometheus");
  });

  const all = DASHBOARD_FOLDERS.flatMap((folder) =>
    readDashboards(folder).map((each) => ({ folder, title: each.title, dashboard: each })),
  );
  test("has a dashboard for pushed metrics for each one for scraped metrics", () => {
    const [scraped, pushed] = DASHBOARD_FOLDERS.map((folder) => readDashboards(folder));
    expect(scraped?.length).toBeGreaterThan(1);
    expect(pushed?.map(({ uid }) => uid)).toEqual(scraped?.map(({ uid }) => `${uid}-otlp`));
    for (const [at, { panels }] of (scraped ?? []).entries()) {
      expect(pushed?.[at]?.panels.map(({ title }) => title)).toEqual(
        panels.map(({ title }) => title),
      );
    }
  });

  describe.each(all)("$title", ({ folder, dashboard }) => {
    const panels = dashboard.panels.filter(({ type }) => type !== "row");

    test("describes each panel, queries the chosen data source, and overlaps no panels", () => {
      expect(panels.length).toBeGreaterThan(10);
      expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
      for (const { title, description, datasource, targets } of panels) {
        expect(title).toMatch(/\w/);
        expect(description).toMatch(/\.$/);
        expect([PROMETHEUS, VICTORIA_LOGS]).toContainEqual(datasource);
        expect(targets?.length).toBeGreaterThan(0);
        for (const target of targets ?? []) expect(target.datasource).toEqual(datasource);
      }
      const taken = new Set<string>();
      for (const { gridPos } of dashboard.panels) {
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
          for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
            expect(taken).not.toContain(`${x},${y}`);
            taken.add(`${x},${y}`);
          }
        }
        expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      }
    });

    test("queries only unitwatch's series, and uses each variable", () => {
      const exprs = targetsOf(dashboard, PROMETHEUS.type).map(({ expr }) => expr);
      for (const expr of exprs) {
        for (const [, labels] of expr.matchAll(/\{([^}]*)\}/g)) {
          const job = folder === "dashboards" ? 'job="unitwatch"' : 'job=~"(.+/)?unitwatch"';
          expect(labels?.slice(0, job.length)).toBe(job);
        }
      }
      for (const { name, type } of dashboard.templating.list) {
        if (type === "datasource") continue;
        expect(exprs.some((expr) => expr.includes(`"$${name}"`))).toBe(true);
      }
    });

    test("queries only metrics and labels that exist", () => {
      const isPushed = folder === "otlp-dashboards";
      const labelsOf = new Map(
        otelDefinitions().map(({ name, labels, otel }) =>
          isPushed
            ? [prometheusName(otel), labels.map((each) => prometheusLabel(attributeOf(otel, each)))]
            : [name, labels],
        ),
      );
      const all = [...labelsOf.values()].flat();
      const host = isPushed ? "host_name" : "instance";
      // Series of a user's systemd have it.
      const user = isPushed ? "user_id" : "user";
      const other = new Set(isPushed ? [] : ["up", "process_resident_memory_bytes"]);
      for (const { expr } of targetsOf(dashboard, PROMETHEUS.type)) {
        for (const [, name = "", matchers = ""] of expr.matchAll(/([a-z][\w:]*)\{([^}]*)\}/g)) {
          const isOther = name.includes(":") || other.has(name);
          const labels = isOther ? all : labelsOf.get(name.replace(/_bucket$/, ""));
          expect({ [name]: labels }).toEqual({ [name]: expect.any(Array) });
          const used = [...matchers.matchAll(/(\w+)(?:=~|!~|!=|=)"/g)].map(([, label]) => label);
          const more = name.startsWith("systemd_") ? [user] : [];
          expect(["job", host, ...(labels ?? []), ...more]).toEqual(expect.arrayContaining(used));
        }
      }
    });

    test("provisions a data source of each type that it queries", () => {
      const types = sources.map(({ type }) => type);
      for (const { datasource } of panels) expect(types).toContain(datasource?.type);
      for (const { type, query } of dashboard.templating.list) {
        if (type === "datasource") expect(types).toContain(query);
      }
    });

    test("merges several queries of a table into one row for each thing", () => {
      // Labels that differ between queries, such as the metric's name, would split the rows.
      const tables = panels.filter(
        ({ type, targets = [] }) => type === "table" && targets.length > 1,
      );
      expect(tables.length).toBeGreaterThan(0);
      for (const { expr } of tables.flatMap(({ targets = [] }) => targets)) {
        expect(expr).toMatch(/^(?:1000 \* )?(?:sum|max) by \(/);
      }
    });

    test("links to the other dashboard", () => {
      const others = readDashboards(folder).filter(({ uid }) => uid !== dashboard.uid);
      const links = [...dashboard.text.matchAll(/\/d\/([\w-]+)\//g)].map(([, uid]) => uid);
      expect([...new Set(links)]).toEqual(others.map(({ uid }) => uid));
    });
  });
});

test.each(["README.md", "runbooks.md"])("%s links to files and headings that exist", (file) => {
  expect(brokenLinks(join(DEPLOY, file))).toEqual([]);
});

test("uses each configured component in the collector's pipelines", () => {
  const config = read("otel-collector/config.yaml") as Readonly<Record<string, object>> & {
    service: { pipelines: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> };
  };
  const used = new Map<string, Set<string>>();
  for (const pipeline of Object.values(config.service.pipelines)) {
    for (const [kind, names] of Object.entries(pipeline)) {
      used.set(kind, new Set([...(used.get(kind) ?? []), ...names]));
    }
  }
  for (const kind of ["receivers", "processors", "exporters"]) {
    expect([...(used.get(kind) ?? [])]).toEqual(Object.keys(config[kind] ?? {}));
  }
});

function read(path: string): unknown {
  return parse(readFileSync(join(DEPLOY, path), "utf8"), { merge: true });
}

const byText = (one: string, other: string): number => (one < other ? -1 : 1);
