import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { otelDefinitions } from "../../docs/generate/metric-tables.ts";
import { prometheusName } from "../../docs/generate/prometheus-names.ts";
import {
  interpolate,
  LOGS,
  readDashboards,
  type Target,
  targetsOf,
} from "../support/dashboards.ts";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import { startContainer } from "../support/engine/container.ts";
import type { Engine } from "../support/engine/docker.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";
import { eventually } from "../support/eventually.ts";
import { trueFailures } from "../support/truth.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";
import {
  type StoredLog,
  startVictoriaLogs,
  startVictoriaMetrics,
  type VictoriaLogs,
  type VictoriaMetrics,
} from "../support/victoria.ts";
import { slowMs } from "../support/slowness.ts";

// Building the stores first takes half a minute on two idle processors.
const BUILD_MS = 300_000;
const CLUSTER = "e2estore";
const NODE = `sind-${CLUSTER}-worker-0`;
const UNIT = "crash.service";
const UNIT_FILE = `[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=sleep infinity
Restart=always
`;

const TALKS = "talks.service";
const TALKS_FILE = `[Service]
SyslogIdentifier=talks
ExecStart=sh -c 'echo one line; echo another; exit 3'
`;

// Real stores of another project, read with their own queries.
describeEngine("VictoriaLogs and VictoriaMetrics", () => {
  const stack = new AsyncDisposableStack();
  let engine: Engine;
  let node: TestNode;
  let folder: string;
  let logs: VictoriaLogs;
  let metrics: VictoriaMetrics;
  let unitwatch: Unitwatch;

  const start = (): Promise<Unitwatch> =>
    startUnitwatch({
      host: engine.host,
      cluster: CLUSTER,
      storagePath: join(folder, "unitwatch"),
      args: ["--otlp.interval=500ms"],
      env: {
        OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: logs.endpoint,
        OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: metrics.endpoint,
        OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
        // As docs/otlp.md has it: an index of containers and units.
        OTEL_EXPORTER_OTLP_LOGS_HEADERS: "VL-Stream-Fields=container.name%2Csystemd.unit.name",
        OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=e2e",
      },
    });

  beforeAll(async () => {
    engine = attachEngine();
    folder = await mkdtemp(join(tmpdir(), "unitwatch-stores-"));
    stack.defer(() => rm(folder, { recursive: true }));
    metrics = stack.use(await startVictoriaMetrics());
    logs = await startVictoriaLogs(join(folder, "logs"));
    stack.defer(() => logs[Symbol.asyncDispose]());
    node = stack.use(await startNode(engine, { name: NODE, labels: { "sind.cluster": CLUSTER } }));
    await node.writeUnit(UNIT, UNIT_FILE);
    await node.startUnit(UNIT);
    unitwatch = await start();
    stack.defer(() => unitwatch[Symbol.asyncDispose]());
    await unitwatch.untilWatching(1);
  }, slowMs(BUILD_MS));
  afterAll(() => stack.disposeAsync());

  /** Kills the unit's main process repeatedly, and waits for each restart. */
  const crash = async (times: number): Promise<void> => {
    for (let time = 0; time < times; time += 1) {
      const pid = await node.systemctl("show", "--property=MainPID", "--value", UNIT);
      await node.crash(UNIT);
      await node.exec(["timeout", "15", "sh", "-c", UNTIL_ANOTHER, "sh", UNIT, pid]);
    }
  };

  /** Returns the log store's records of this kind, without duplicates. */
  const stored = async (kind: string): Promise<readonly StoredLog[]> => {
    const all = await logs.query(
      `"event.name":="${kind}" {"container.name"="${NODE}","systemd.unit.name"="${UNIT}"}`,
    );
    return [...new Map(all.map((log) => [log["log.record.uid"], log])).values()];
  };

  test("store each failure of the journal with all its attributes", async () => {
    await crash(3);
    const failures = await trueFailures(node);
    expect(failures).toHaveLength(3);
    const records = await eventually(async () => {
      const found = await stored("systemd.unit.failed");
      return found.length === failures.length && found;
    });
    for (const record of records) {
      expect(record).toMatchObject({
        _msg: `Unit ${UNIT} in ${NODE} failed: signal, SIGKILL.`,
        severity: "ERROR",
        "service.name": "unitwatch",
        "deployment.environment.name": "e2e",
        "container.id": node.id,
        "unitwatch.cluster": CLUSTER,
        "unitwatch.node": "worker-0",
        "systemd.unit.name": UNIT,
        "systemd.service.result": "signal",
        "unitwatch.recovered": "false",
      });
    }
    await eventually(async () => {
      const [failed] = await metrics.query(
        `systemd_unit_failures_total{systemd_unit_name="${UNIT}"}`,
      );
      expect(failed).toMatchObject({
        metric: {
          container_name: NODE,
          systemd_service_result: "signal",
          service_name: "unitwatch",
        },
        value: [expect.any(Number), "3"],
      });
      const [active] = await metrics.query(
        `systemd_unit_state{systemd_unit_name="${UNIT}", systemd_unit_active_state="active"}`,
      );
      expect(active?.value[1]).toBe("1");
    });
  });

  test("show the last lines of a failure, and changes, by the queries of the dashboard", async () => {
    await node.writeUnit(TALKS, TALKS_FILE);
    await node.tryExec(["systemctl", "start", TALKS]);
    const dashboard = readDashboards().find(({ uid }) => uid === "unitwatch-node");
    const [lines, changes] = dashboard === undefined ? [] : targetsOf(dashboard, LOGS);
    const shown = async (target: Target | undefined, unit: string): Promise<string[]> => {
      const query = interpolate(target?.expr ?? "", { container: NODE, unit });
      return (await logs.query(query)).map((log) => log["_msg"] ?? "");
    };
    const own = TALKS.replace(".", String.raw`\.`);
    await eventually(async () => {
      const found = await shown(lines, own);
      expect(found.filter((line) => / talks\[\d+\]: /.test(line))).toEqual([
        expect.stringMatching(/^talks\.service talks\[\d+\]: one line$/),
        expect.stringMatching(/^talks\.service talks\[\d+\]: another$/),
      ]);
      expect(found.at(-1)).toBe(`${TALKS} systemd[1]: ${TALKS}: Failed with result 'exit-code'.`);
    });
    const failure = `Unit ${TALKS} in ${NODE} failed: exit-code, exit status 3.`;
    expect(await shown(changes, own)).toContain(failure);
    // As with all units.
    expect(await shown(lines, ".*")).toEqual(expect.arrayContaining(await shown(lines, own)));
    expect(await shown(changes, ".*")).toContain(failure);
    expect(await shown(changes, String.raw`other\.service`)).not.toContain(failure);
    expect(await shown(lines, String.raw`other\.service`)).toEqual([]);
  });

  test("store the changes from while the log store was down and unitwatch was killed", async () => {
    await logs[Symbol.asyncDispose]();
    await crash(2);
    await unitwatch.until((scrape) => Number(scrape.value("unitwatch_otlp_queue_records")) >= 4);
    expect((await unitwatch.scrape()).value("unitwatch_otlp_queue_durable")).toBe(1);
    unitwatch.signal("SIGKILL");
    await unitwatch.exited;
    await crash(1);
    logs = await startVictoriaLogs(join(folder, "logs"), logs.port);
    unitwatch = await start();

    const failures = (await trueFailures(node)).filter(({ unit }) => unit === UNIT);
    expect(failures).toHaveLength(6);
    const records = await eventually(async () => {
      const found = await stored("systemd.unit.failed");
      return found.length === failures.length && found;
    });
    // Missed changes come from the journal, and are marked as recovered.
    expect(records[0]).toMatchObject({ "unitwatch.recovered": "false" });
    expect(records.at(-1)).toMatchObject({ "unitwatch.recovered": "true" });
    await eventually(async () => {
      expect(await stored("systemd.unit.restart")).toHaveLength(failures.length);
    });
  });

  // VictoriaMetrics names metrics as Prometheus does.
  test("name metrics as the documentation does for Prometheus", async () => {
    const name = `sind-${CLUSTER}-ended`;
    await using _ended = await startContainer(engine, {
      name,
      labels: { "sind.cluster": CLUSTER },
      command: ["sh", "-c", "exit 3"],
    });
    await eventually(async () => {
      const [code] = await metrics.query(`container_last_exit_code{container_name="${name}"}`);
      expect(code?.value[1]).toBe("3");
    });
    const known = new Set(
      otelDefinitions().flatMap(({ otel }) => {
        const suffixes = otel.kind === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
        return suffixes.map((suffix) => prometheusName(otel) + suffix);
      }),
    );
    const stored = await metrics.query('{service_name="unitwatch"}');
    const names = new Set(stored.map(({ metric }) => metric["__name__"] ?? ""));
    expect(names.size).toBeGreaterThan(20);
    expect([...names].filter((each) => !known.has(each))).toEqual([]);
  });
});

const UNTIL_ANOTHER = `
until pid=$(systemctl show --property=MainPID --value -- "$1") && [ "$pid" != 0 ] && [ "$pid" != "$2" ]
do sleep 0.02
done`;
