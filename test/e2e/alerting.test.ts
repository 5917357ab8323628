import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { parse } from "yaml";
import { offered, samplesWithout, unanswered } from "../support/dashboard-queries.ts";
import { readDashboards } from "../support/dashboards.ts";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import { oomContainer, startContainer } from "../support/engine/container.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";
import { eventually } from "../support/eventually.ts";
import { type HttpEndpoint, httpEndpoint } from "../support/http-endpoint.ts";
import {
  type Edit,
  type Prometheus,
  startAlertmanager,
  startPrometheus,
} from "../support/monitoring.ts";
import { SocketProxy } from "../support/socket-proxy.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";
import { slowMs } from "../support/slowness.ts";

/** Number of rounds; if set, only the time from a crash to the webhook is measured, with the shipped intervals. */
const ROUNDS = Number(process.env["UNITWATCH_ALERT_ROUNDS"] ?? 0);

jest.setTimeout(slowMs(60_000 + ROUNDS * 60_000));

const CLUSTER = "e2ealert";
const nameOf = (node: string): string => `sind-${CLUSTER}-${node}`;

/** Shorter intervals than shipped. */
const SHORT_INTERVALS: Readonly<Record<"config" | "rules" | "alertmanager", readonly Edit[]>> = {
  config: [[/_interval: 5s/g, "_interval: 400ms"]],
  rules: [
    [/for: \w+/g, "for: 1s"],
    [/interval: 1s/, "interval: 200ms"],
  ],
  alertmanager: [
    [/group_wait: 2s/, "group_wait: 100ms"],
    [/group_interval: 1m/, "group_interval: 500ms"],
  ],
};
const SHIPPED: typeof SHORT_INTERVALS = {
  config: [],
  rules: [],
  // Makes each crash the first of its group, like a single one.
  alertmanager: [[/group_by: \[/, "group_by: [name, "]],
};
const EDITS = ROUNDS > 0 ? SHIPPED : SHORT_INTERVALS;

interface Notification {
  readonly alerts: readonly {
    readonly status: "firing" | "resolved";
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  }[];
}

describeEngine("alerts and dashboards, with Prometheus and Alertmanager", () => {
  const stack = new AsyncDisposableStack();
  const labels = { "sind.cluster": CLUSTER };
  let proxy: SocketProxy;
  let node: TestNode;
  let other: TestNode;
  let unitwatch: Unitwatch;
  /**
   * unitwatch with room for only one container and a few records, with an endpoint that never
   * accepts them, and without systemd watch.
   */
  let small: Unitwatch;
  let webhook: HttpEndpoint;
  let prometheus: Prometheus;

  beforeAll(async () => {
    const engine = attachEngine();
    const folder = await mkdtemp(join(tmpdir(), "unitwatch-alerting-"));
    stack.defer(() => rm(folder, { recursive: true }));
    proxy = stack.use(new SocketProxy(join(folder, "docker.sock"), engine.host));
    await proxy.start();
    [node, other] = await Promise.all([
      startNode(engine, { name: nameOf("controller"), labels, unified: true }),
      startNode(engine, { name: nameOf("worker"), labels }),
    ]);
    stack.use(node);
    stack.use(other);
    const watched = { host: proxy.host, cluster: CLUSTER };
    const limits = ["--metrics.series-limit=40", "--otlp.queue-bytes=4KiB"];
    const args = [...limits, "--systemd.transport=off"];
    // No process listens there.
    const env = { OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://127.0.0.1:9/v1/logs" };
    unitwatch = stack.use(await startUnitwatch(watched));
    small = await startUnitwatch({ ...watched, args, env });
    stack.defer(async () => {
      // SIGTERM would make it try its endpoint a last time.
      small.signal("SIGKILL");
      await small.exited;
    });
    await unitwatch.untilWatching(2);
    webhook = stack.use(await httpEndpoint());
    const alertmanager = stack.use(
      await startAlertmanager({ webhook: webhook.url, config: EDITS.alertmanager }),
    );
    prometheus = stack.use(
      await startPrometheus({
        targets: [unitwatch, small].map(({ port }) => `127.0.0.1:${port}`),
        alertmanager: alertmanager.port,
        config: EDITS.config,
        rules: EDITS.rules,
      }),
    );
    await eventually(
      async () => (await prometheus.query("unitwatch_systemd_up == 1")).length === 2,
    );
  });
  afterAll(() => stack.disposeAsync());

  /** Returns the notifications of this alert, in order. */
  function notified(status: "firing" | "resolved", alertname: string, unit: string) {
    return webhook.requests
      .flatMap(({ body }) => (JSON.parse(body.toString()) as Notification).alerts)
      .filter((alert) => alert.status === status && alert.labels["alertname"] === alertname)
      .filter((alert) => alert.labels["name"] === unit);
  }

  async function untilNotified(...of: Parameters<typeof notified>): Promise<void> {
    while (notified(...of).length === 0) await webhook.received(webhook.requests.length + 1);
  }

  /** Measures the milliseconds from the crash of a new service to the webhook's notification. */
  async function crashToWebhook(unit: string): Promise<number> {
    await node.writeUnit(unit, "[Service]\nExecStart=sleep infinity\n");
    await node.startUnit(unit);
    const crashed = performance.now();
    await node.crash(unit);
    await untilNotified("firing", "SystemdUnitFailed", unit);
    return performance.now() - crashed;
  }

  test("notifies the webhook when a service crashes and when it recovers", async () => {
    const unit = "slurmctld.service";
    const tookMs = await crashToWebhook(unit);
    const [alert] = notified("firing", "SystemdUnitFailed", unit);
    expect(alert).toMatchObject({
      labels: {
        severity: "critical",
        instance: `127.0.0.1:${unitwatch.port}`,
        cluster: CLUSTER,
        node: "controller",
        container: node.name,
      },
      annotations: {
        summary: "slurmctld.service failed on controller",
        description: expect.stringMatching(/start it again; failures: 1 signal/),
        link: `http://127.0.0.1:${unitwatch.port}/#node=controller&cluster=${CLUSTER}&unit=slurmctld.service`,
      },
    });
    if (ROUNDS === 0) {
      await node.startUnit(unit);
      await untilNotified("resolved", "SystemdUnitFailed", unit);
      return;
    }

    const times = [tookMs];
    for (let round = 1; round < ROUNDS; round += 1) {
      // Starts at a random moment between two scrapes.
      await delay((round * 1_700) % 5_000);
      times.push(await crashToWebhook(`round-${round}.service`));
    }
    const seconds = times.toSorted((one, two) => one - two).map((ms) => (ms / 1_000).toFixed(1));
    console.log(`from crash to webhook, seconds: ${seconds.join(", ")}`);
  });

  if (ROUNDS > 0) return;

  test("fires each alert when its cause occurs", async () => {
    const engine = attachEngine();
    const container = async (name: string, script: string, ...args: string[]) => {
      const command = ["sh", "-c", script];
      stack.use(await startContainer(engine, { name: nameOf(name), labels, command, args }));
    };
    await node.writeUnit(
      "loop.service",
      "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=sh -c 'exit 7'\nRestart=always\nRestartSec=200ms\n",
    );
    await node.writeUnit("flaps.service", "[Service]\nType=oneshot\nExecStart=false\n");
    await node.writeUnit("hog.service", "[Service]\nExecStart=sleep infinity\nRestart=always\n");
    await node.startUnit("hog.service");
    await node.oomdKill("hog.service");
    await node.systemctl("start", "--no-block", "loop.service");
    for (let times = 0; times < 3; times += 1) {
      await node.tryExec(["systemctl", "start", "flaps.service"]);
    }
    await Promise.all([
      other.stop(),
      container("again", "exit 3", "--restart=always"),
      container(
        "ill",
        "sleep 1000",
        "--health-cmd=false",
        "--health-interval=1s",
        "--health-retries=1",
      ),
      container("plain", "sleep 1000", "--label=unitwatch.systemd=true"),
      oomContainer(engine, { name: nameOf("oom"), labels }).then((made) => stack.use(made)),
    ]);

    const expected = [
      ["ContainerExitedWithError", "again"],
      ["ContainerExitedWithError", "oom"],
      ["ContainerOutOfMemory", "oom"],
      ["ContainerRestarting", "again"],
      ["ContainerUnhealthy", "ill"],
      ["NodeDegraded", "controller"],
      ["NodeGone", "worker"],
      ["SystemdUnitCrashLoop", "controller"],
      ["SystemdUnitFailed", "controller"],
      ["SystemdUnitFlapping", "controller"],
      ["SystemdUnitOutOfMemory", "controller"],
      ["SystemdWatchLost", nameOf("plain")],
    ];
    await eventually(async () => {
      const firing = await prometheus.firing();
      const of = (instance: Unitwatch) =>
        firing
          .map(({ labels: each }) => each)
          .filter((each) => each["instance"] === `127.0.0.1:${instance.port}`)
          .map((each) => [each["alertname"], each["node"] ?? each["container"] ?? ""]);
      expect(of(unitwatch).toSorted(byText)).toEqual(expected);
      expect(of(small)).toContainEqual(["UnitwatchSeriesRefused", ""]);
      expect(of(small)).toContainEqual(["UnitwatchRecordsDropped", ""]);
      expect(of(small)).not.toContainEqual(["SystemdWatchLost", nameOf("plain")]);
    });
    const hog = { container: node.name, name: "hog.service" };
    expect((await unitwatch.scrape()).value("systemd_unit_oom_kills_total", hog)).toBe(1);
    // A regular stop of a node is no failure: with the capability to reboot, systemd ends by SIGINT.
    expect([0, 130]).toContain((await other.inspect()).State.ExitCode);
  });

  describe("the dashboards", () => {
    const dashboards = readDashboards();
    const values = (): Record<string, string> => ({
      instance: `127.0.0.1:${unitwatch.port}`,
      cluster: CLUSTER,
      container: node.name,
      unit: ".+",
      datasource: "prometheus",
    });
    // The node itself has exited once, and some of its units failed.
    beforeAll(async () => {
      await node.restart();
      await node.ready();
      await node.tryExec(["systemctl", "start", "flaps.service"]);
      await node.startUnit("slurmctld.service");
    });

    for (const dashboard of dashboards) {
      test(`${dashboard.title}: every query gives data`, async () => {
        await eventually(async () => {
          expect(await unanswered(dashboard, { prometheus, values: values() })).toEqual([]);
        });
      });

      test(`${dashboard.title}: every variable has values, and an effect`, async () => {
        const queried = { prometheus, values: values() };
        for (const variable of dashboard.templating.list) {
          const { name } = variable;
          const found = await offered(variable, queried);
          if (found === undefined) continue;
          expect(found).toContain(name === "unit" ? "slurmctld.service" : queried.values[name]);
          const left = await samplesWithout(variable, dashboard, queried);
          expect(left.length).toBeGreaterThan(0);
          expect(left.flat().filter((value) => value !== "0")).toEqual([]);
        }
      });
    }

    test("queries existing series in Grafana's alert", async () => {
      const path = "../../deploy/grafana/provisioning/alerting/unitwatch.yml";
      const { groups } = parse(readFileSync(join(import.meta.dirname, path), "utf8")) as {
        groups: readonly { rules: readonly { data: readonly { model: { expr?: string } }[] }[] }[];
      };
      const [expr = ""] = groups[0]?.rules[0]?.data.flatMap(({ model }) => model.expr ?? []) ?? [];
      expect(await prometheus.query(expr)).toEqual([
        { metric: {}, value: [expect.any(Number), "2"] },
      ]);
    });
  });

  test("fires when the engine goes down, and when unitwatch does", async () => {
    const firing = async () => (await prometheus.firing()).map(({ labels: of }) => of["alertname"]);
    await proxy.stop();
    await eventually(async () => expect(await firing()).toContain("EngineWatchLost"));
    await unitwatch.stop();
    await eventually(async () => expect(await firing()).toContain("UnitwatchDown"));
  });
});

const byText = (one: unknown, other: unknown): number =>
  JSON.stringify(one) < JSON.stringify(other) ? -1 : 1;
