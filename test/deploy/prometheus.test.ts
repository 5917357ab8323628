import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { execa } from "execa";
import { parse } from "yaml";
import { GENERATED_FILES } from "../../docs/generate/generated-files.ts";
import { STATE_METRICS } from "../../src/metrics/catalogue.ts";
import { debianCommand } from "../support/debian-command.ts";
import { ownMetrics } from "../support/own-metrics.ts";
import { type PrometheusMajor, promtoolOf } from "../support/promtool.ts";
import { slowMs } from "../support/slowness.ts";

const DEPLOY = join(import.meta.dirname, "../../deploy");
/** Of scraped metrics. */
const RULES = "prometheus/rules/unitwatch.yml";
const TESTS = "prometheus/tests/unitwatch.test.yml";
const OTLP_RULES = "prometheus/otlp-rules/unitwatch-otlp.yml";
const OTLP_TESTS = ["unitwatch-otlp.test.yml", "both-ways.test.yml"];
const ALL_TESTS = globSync("prometheus/tests/*.yml", { cwd: DEPLOY }).toSorted();

/** Labels that a scraped series has and a pushed one hasn't. */
const SCRAPED = /(?:container|name|node|stage|transport)!=""/;
/** Metrics whose series have neither; a rule leaves the pushed ones out by `target_info`. */
const UNLABELLED = new Set(["unitwatch_engine_up", "unitwatch_series_refused_total"]);

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface RuleFile {
  readonly groups: readonly { readonly rules: readonly Rule[] }[];
}

interface RuleTests {
  readonly tests: readonly {
    readonly name: string;
    readonly alert_rule_test: readonly {
      readonly alertname: string;
      readonly exp_alerts: readonly unknown[];
    }[];
  }[];
}

const rules = rulesOf(RULES);
const alerts = rules.filter((rule) => rule.alert !== undefined);
const otlpAlerts = rulesOf(OTLP_RULES).filter((rule) => rule.alert !== undefined);

describe("the rules", () => {
  test.each<PrometheusMajor>([2, 3])(
    "pass the checks of promtool %d",
    async (major) => {
      const version = await promtoolOf(major, ["--version"]);
      expect(version.output).toMatch(new RegExp(`^promtool, version ${major}\\.`));
      for (const file of [RULES, OTLP_RULES]) {
        const lint = await promtoolOf(major, ["check", "rules", "--lint=all", join(DEPLOY, file)]);
        expect(lint).toMatchObject({ exitCode: 0, output: expect.not.stringContaining("FAILED") });
      }
    },
    // Downloads promtool 3 once.
    slowMs(180_000),
  );

  // `npm run test:interop` runs those for scraped metrics by promtool 2.
  test(
    "pass their own tests by promtool 3",
    async () => {
      const files = ALL_TESTS.map((file) => join(DEPLOY, file));
      const { exitCode, output } = await promtoolOf(3, ["test", "rules", ...files]);
      expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
      expect(output.match(/SUCCESS/g)).toHaveLength(files.length);
    },
    slowMs(180_000),
  );

  test.each([
    ["scraped", alerts, [TESTS]],
    ["pushed", otlpAlerts, OTLP_TESTS.map((file) => `prometheus/tests/${file}`)],
  ])("for %s metrics have tests in which each alert fires and in which it doesn't", (...args) => {
    const [, all, files] = args;
    const seen = files
      .flatMap((file) => (read(file) as RuleTests).tests)
      .flatMap(({ alert_rule_test: each }) => each);
    const firing = seen.filter((each) => each.exp_alerts.length > 0);
    const quiet = seen.filter((each) => each.exp_alerts.length === 0);
    const names = all.map(({ alert = "" }) => alert).sort();

    expect(names.length).toBeGreaterThan(10);
    expect([...new Set(firing.map(({ alertname }) => alertname))].sort()).toEqual(names);
    expect([...new Set(quiet.map(({ alertname }) => alertname))].sort()).toEqual(names);
  });

  test("for pushed metrics have the same alerts as for scraped ones", () => {
    const facts = ({ alert, labels, annotations }: Rule) => ({
      alert,
      severity: labels?.["severity"],
      runbook: annotations?.["runbook"],
    });
    expect(otlpAlerts.map(facts)).toEqual(alerts.map(facts));
  });

  test("for scraped metrics leave out pushed series of the same name", () => {
    for (const { expr } of rules) {
      for (const [selector, name = ""] of expr.matchAll(/(\w+)\{[^}]*\}/g)) {
        if (/:/.test(selector) || !/^(?:container|systemd|unitwatch)_/.test(name)) continue;
        if (UNLABELLED.has(name)) expect(expr).toMatch(/target_info|\{[^}]*container!=""/);
        else expect(selector).toMatch(SCRAPED);
      }
    }
  });

  test("have a severity, a summary, a description and a runbook", () => {
    for (const { alert = "", labels, annotations } of alerts) {
      expect(labels).toEqual({ severity: expect.stringMatching(/^(?:critical|warning)$/) });
      expect(annotations).toEqual({
        summary: expect.stringMatching(/\w/),
        description: expect.stringMatching(/\.$/),
        runbook: `deploy/runbooks.md#${alert.toLowerCase()}`,
        ...(/^(?:Container|Systemd)/.test(alert) && {
          link: expect.stringMatching(/\/#node=\{\{ \$labels\.node \| urlquery \}\}/),
        }),
      });
    }
  });

  test("use only existing metrics of the job, and each other's series", () => {
    const known = new Set([
      ...STATE_METRICS.map(({ name }) => name),
      ...ownMetrics()
        .registry.getMetricsAsArray()
        .map(({ name }) => name),
      ...rules.flatMap(({ record = [] }) => record),
      "up",
      // Prometheus makes it for each instance that pushes.
      "target_info",
    ]);
    for (const { expr, annotations } of rules) {
      const { description = "" } = annotations ?? {};
      for (const [, query = ""] of description.matchAll(/`([^`]*)`/g)) {
        expect(query).toMatch(/^[a-z_]+\{job="unitwatch", instance=%q, container=%q/);
        expect([...known]).toContain(query.split("{")[0]);
      }
      const selectors = [...expr.matchAll(/([a-z_:][a-z0-9_:]*)\{([^}]*)\}/g)];
      expect(selectors.length).toBeGreaterThan(0);
      for (const [, name = "", labels] of selectors) {
        expect([...known]).toContain(name);
        expect(labels).toMatch(/^job="unitwatch"/);
      }
    }
  });
});

test("has a runbook for each alert, and an alert for each runbook", () => {
  const runbooks = readFileSync(join(DEPLOY, "runbooks.md"), "utf8");
  const sections: string[][] = [...runbooks.matchAll(/^## (\w+)\n((?:(?!^## )[^])+)/gm)];
  // Includes Grafana's alert.
  const names = [...alerts.map(({ alert = "" }) => alert), "UnitwatchNotTold"];

  expect(sections.map(([, name = ""]) => name).toSorted()).toEqual(names.toSorted());
  for (const [, , text = ""] of sections) {
    for (const part of ["**What it means.**", "**Look.**", "**Do.**"]) expect(text).toContain(part);
  }
});

test.each<PrometheusMajor>([2, 3])(
  "passes promtool %d when it checks the configuration of Prometheus",
  async (major) => {
    // Prometheus 2.42 can't receive pushes.
    for (const name of major === 2 ? ["prometheus"] : ["prometheus", "prometheus-otlp"]) {
      const file = join(DEPLOY, `prometheus/${name}.yml`);
      const checked = await promtoolOf(major, ["check", "config", file]);
      expect(checked).toMatchObject({
        exitCode: 0,
        output: expect.stringContaining("1 rule files"),
      });
    }
  },
  slowMs(180_000),
);

test.each(GENERATED_FILES)("$path is what `npm run docs` writes", ({ path, content }) => {
  expect(parse(readFileSync(join(DEPLOY, "..", path), "utf8"))).toEqual(content());
});

test("passes amtool, and names only existing alerts in the configuration of Alertmanager", async () => {
  const file = join(DEPLOY, "alertmanager/alertmanager.yml");
  await execa(await debianCommand("amtool", "prometheus-alertmanager"), ["check-config", file]);

  const { inhibit_rules: inhibits } = read("alertmanager/alertmanager.yml") as {
    inhibit_rules: readonly { source_matchers: string[]; target_matchers: string[] }[];
  };
  const matchers = inhibits.flatMap((each) => each.source_matchers.concat(each.target_matchers));
  expect(matchers.length).toBeGreaterThan(4);
  for (const matcher of matchers) {
    const [, pattern = ""] = /^alertname =~? "?([^"]+)"?$/.exec(matcher) ?? [];
    for (const alternative of pattern.split("|")) {
      const fits = new RegExp(`^(?:${alternative})$`);
      expect(alerts.some(({ alert = "" }) => fits.test(alert))).toBe(true);
    }
  }
});

function rulesOf(path: string): readonly Rule[] {
  return (read(path) as RuleFile).groups.flatMap((group) => group.rules);
}

function read(path: string): unknown {
  return parse(readFileSync(join(DEPLOY, path), "utf8"));
}
