import { cp, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { parse, stringify } from "yaml";
import { otelDefinitions } from "../../docs/generate/metric-tables.ts";
import { prometheusName } from "../../docs/generate/prometheus-names.ts";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import type { Engine } from "../support/engine/docker.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";
import { offered, samplesWithout, unanswered } from "../support/dashboard-queries.ts";
import { readDashboards } from "../support/dashboards.ts";
import { eventually } from "../support/eventually.ts";
import { type Server, startServer } from "../support/foreign-server.ts";
import { LISTENING, Prometheus } from "../support/monitoring.ts";
import { slowMs } from "../support/slowness.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";
import { goProgram } from "../support/go-program.ts";
import { PROMETHEUS } from "./programs.ts";

const BUILD_MS = 1_800_000;
const DEPLOY = join(import.meta.dirname, "../../deploy/prometheus");
const CLUSTER = "interopprom";
const NODE = `sind-${CLUSTER}-worker-0`;
const UNIT = "crash.service";
/** Reaches the start limit after two restarts. */
const FLAPS = `[Unit]
StartLimitIntervalSec=1h
StartLimitBurst=3
[Service]
ExecStart=false
Restart=always
RestartSec=0
`;
/** Formats that Prometheus asks for, each by a job of its own. */
const FORMATS = ["OpenMetricsText1.0.0", "PrometheusText0.0.4", "PrometheusText1.0.0"] as const;

/** Up to 3.6 it answers changes with 200 and stores nothing, as docs/otlp.md says. */
const DROPS_DELTAS = /^v0\.30[0-6]\./.test(PROMETHEUS.version);

jest.setTimeout(slowMs(60_000));

interface Rules {
  readonly data: {
    readonly groups: readonly {
      readonly rules: readonly { readonly health: string; readonly lastError?: string }[];
    }[];
  };
}

describeEngine("Prometheus 3 with the shipped configuration for pushes", () => {
  const stack = new AsyncDisposableStack();
  let engine: Engine;
  let node: TestNode;
  let unitwatch: Unitwatch;
  let server: Server;
  let prometheus: Prometheus;

  const start = (
    temporality: string,
    more: {
      readonly service?: string;
      readonly endpoints?: Readonly<Record<string, string>>;
    } = {},
  ): Promise<Unitwatch> =>
    startUnitwatch({
      host: engine.host,
      cluster: CLUSTER,
      args: ["--otlp.interval=1s", "--systemd.collect=cpu"],
      env: {
        OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `http://127.0.0.1:${server.port}/api/v1/otlp/v1/metrics`,
        OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: temporality,
        OTEL_SERVICE_NAME: more.service ?? temporality,
        ...more.endpoints,
      },
    });

  beforeAll(async () => {
    const program = await goProgram(PROMETHEUS);
    engine = attachEngine();
    node = stack.use(await startNode(engine, { name: NODE, labels: { "sind.cluster": CLUSTER } }));
    await node.writeUnit(UNIT, "[Service]\nExecStart=sleep infinity\n");
    await node.startUnit(UNIT);
    unitwatch = stack.use(await startUnitwatch({ host: engine.host, cluster: CLUSTER }));

    const folder = await mkdtemp(join(tmpdir(), "unitwatch-prometheus-"));
    await cp(DEPLOY, folder, { recursive: true });
    const file = join(folder, "prometheus-otlp.yml");
    const shipped = parse(await readFile(file, "utf8")) as object;
    const scrapes = FORMATS.map((format) => ({
      job_name: format,
      scrape_interval: "500ms",
      scrape_timeout: "500ms",
      scrape_protocols: [format],
      honor_labels: true,
      static_configs: [{ targets: [`127.0.0.1:${unitwatch.port}`] }],
    }));
    await writeFile(file, stringify({ ...shipped, alerting: {}, scrape_configs: scrapes }));
    server = await startServer(program, {
      folder,
      listening: LISTENING,
      args: [
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        "--web.listen-address=127.0.0.1:0",
        "--web.enable-otlp-receiver",
      ],
    });
    prometheus = stack.use(new Prometheus(server));
  }, BUILD_MS);
  afterAll(() => stack.disposeAsync());

  test("stores pushed metrics under the names of the documentation, with the host's name", async () => {
    await using pushing = await start("cumulative");
    await pushing.untilWatching(1);
    await node.crash(UNIT);
    const failures = `systemd_unit_failures_total{systemd_unit_name="${UNIT}"}`;
    await eventually(async () => (await prometheus.query(failures))[0]?.value?.[1] === "1");
    const [failed] = await prometheus.query(failures);
    expect(failed?.metric).toMatchObject({
      job: "cumulative",
      host_name: hostname(),
      container_name: NODE,
      systemd_service_result: "signal",
    });

    const known = new Set(
      otelDefinitions().flatMap(({ otel }) => {
        const suffixes = otel.kind === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
        return suffixes.map((suffix) => prometheusName(otel) + suffix);
      }),
    );
    const stored = await prometheus.query('{job="cumulative", __name__!="target_info"}');
    const names = new Set(stored.map(({ metric }) => metric["__name__"] ?? ""));
    expect(names.size).toBeGreaterThan(20);
    expect([...names].filter((name) => !known.has(name))).toEqual([]);
    const [target] = await prometheus.query('target_info{job="cumulative"}');
    expect(target?.metric).toMatchObject({ service_version: expect.any(String) });
  });

  test("stores no sums that aren't cumulative, which unitwatch warns of", async () => {
    await using pushing = await start("delta");
    expect(pushing.log.map(({ msg }) => msg)).toContain(
      "metrics endpoint accepts cumulative sums only",
    );
    if (DROPS_DELTAS) {
      await pushing.until(
        (scrape) =>
          Number(scrape.value("unitwatch_otlp_exported_total", { signal: "metrics" })) > 0,
      );
    } else {
      await pushing.until(
        (scrape) =>
          scrape.select("unitwatch_otlp_failures_total", { signal: "metrics" }).length > 0,
      );
      const failed = await pushing.untilLogged(({ msg }) => msg === "metric export failed");
      expect(failed["detail"]).toMatch(/temporality/);
    }
    expect(await prometheus.query('unitwatch_events_total{job="delta"}')).toEqual([]);
  });

  test("evaluates the rules for pushed metrics without an error", async () => {
    await eventually(
      async () => {
        const { data } = JSON.parse((await server.get("/api/v1/rules")).text) as Rules;
        const rules = data.groups.flatMap((group) => group.rules);
        expect(rules.length).toBeGreaterThan(10);
        expect(rules.filter(({ health }) => health === "unknown")).toEqual([]);
        expect(rules.filter(({ health }) => health !== "ok")).toEqual([]);
      },
      { withinMs: 40_000 },
    );
  });

  describe("the dashboards for pushed metrics", () => {
    let pushing: Unitwatch;
    const values = (): Record<string, string> => ({
      instance: hostname(),
      cluster: CLUSTER,
      container: NODE,
      unit: ".+",
      datasource: "prometheus",
    });
    const flap = async (): Promise<void> => {
      await node.tryExec(["systemctl", "start", "flaps.service"]);
      await node.waitUnit("flaps.service", "failed");
    };

    // The node exits once, a unit stays failed, and systemd restarts another.
    beforeAll(async () => {
      pushing = await start("cumulative", {
        service: "unitwatch",
        endpoints: { OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://127.0.0.1:9/v1/logs" },
      });
      await pushing.untilWatching(1);
      await node.restart();
      await node.ready();
      await pushing.until((scrape) => scrape.value("systemd_units", { state: "failed" }) === 0);
      await node.writeUnit("flaps.service", FLAPS);
      await flap();
      const restarts = 'systemd_service_restarts_total{systemd_unit_name="flaps.service"}';
      await eventually(async () => (await prometheus.query(restarts)).length > 0);
      // An increase needs a sample before it.
      await node.systemctl("reset-failed", "flaps.service");
      await flap();
    }, slowMs(60_000));
    afterAll(async () => {
      // SIGTERM would make it try its endpoint a last time.
      pushing.signal("SIGKILL");
      await pushing.exited;
    });

    for (const dashboard of readDashboards("otlp-dashboards")) {
      test(`${dashboard.title}: every query gives data`, async () => {
        const isAnswered = async (): Promise<void> => {
          expect(await unanswered(dashboard, { prometheus, values: values() })).toEqual([]);
        };
        // Rules are evaluated each 15 s.
        await eventually(isAnswered, { withinMs: 50_000 });
      });

      test(`${dashboard.title}: every variable has values, and an effect`, async () => {
        const queried = { prometheus, values: values() };
        for (const variable of dashboard.templating.list) {
          const { name } = variable;
          const found = await offered(variable, queried);
          if (found === undefined) continue;
          expect(found).toContain(name === "unit" ? "flaps.service" : queried.values[name]);
          const left = await samplesWithout(variable, dashboard, queried);
          expect(left.length).toBeGreaterThan(0);
          expect(left.flat().filter((value) => value !== "0")).toEqual([]);
        }
      });
    }
  });

  test("scrapes the same samples in each format", async () => {
    await eventually(async () => {
      const up = await prometheus.query("up == 1");
      expect(up.map(({ metric }) => metric["job"] ?? "").toSorted()).toEqual(
        [...FORMATS].toSorted(),
      );
    });
    const names = async (format: string): Promise<readonly string[]> => {
      const query = `count by (__name__) ({job="${format}", __name__!~".+_created"})`;
      const found = await prometheus.query(query);
      return found.map(({ metric }) => metric["__name__"] ?? "").toSorted();
    };
    // Times of counters come with OpenMetrics alone.
    const times = await prometheus.query('count by (job) ({__name__=~".+_created"})');
    expect(times.map(({ metric }) => metric["job"])).toEqual(["OpenMetricsText1.0.0"]);
    const [open, ...others] = await Promise.all(FORMATS.map(names));
    expect(open?.length).toBeGreaterThan(40);
    for (const other of others) expect(other).toEqual(open);
  });
});
