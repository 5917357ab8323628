import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { STATE_METRICS } from "../../src/metrics/catalogue.ts";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import type { Engine } from "../support/engine/docker.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";
import { sentEntries, trueEntries } from "../support/journal-entries.ts";
import { select } from "../support/otlp-metrics.ts";
import type { ReceivedPoint } from "../support/otlp-metrics.ts";
import { pushedValues, scrapedValues } from "../support/otlp-points.ts";
import { type OtlpReceiver, startOtlpReceiver } from "../support/otlp-receiver.ts";
import { countFailures, shownFailures, trueFailures } from "../support/truth.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";

const CLUSTER = "e2eotlpm";
const NODE = `sind-${CLUSTER}-worker-0`;
const UNIT = "crash.service";
const TALK = "talk.service";
const LINES = 300;
const TALK_FILE = `[Service]
Type=oneshot
SyslogIdentifier=talk
ExecStart=sh -c 'for line in $$(seq ${LINES}); do echo "line $$line"; sleep 0.01; done'
`;

describeEngine("metrics and records over OTLP", () => {
  const stack = new AsyncDisposableStack();
  let engine: Engine;
  let node: TestNode;
  let receiver: OtlpReceiver;
  let storagePath: string;

  beforeAll(async () => {
    engine = attachEngine();
    [node, receiver] = await Promise.all([
      startNode(engine, { name: NODE, labels: { "sind.cluster": CLUSTER } }),
      startOtlpReceiver(),
    ]);
    stack.use(node);
    stack.use(receiver);
    storagePath = await mkdtemp(join(tmpdir(), "unitwatch-otlp-metrics-"));
    stack.defer(() => rm(storagePath, { recursive: true }));
    await node.writeUnit(UNIT, "[Service]\nExecStart=sleep infinity\nRestart=always\n");
    await node.startUnit(UNIT);
  });
  afterAll(() => stack.disposeAsync());

  const start = (
    interval: string,
    env: Readonly<Record<string, string>> = {},
  ): Promise<Unitwatch> =>
    startUnitwatch({
      host: engine.host,
      cluster: CLUSTER,
      storagePath,
      args: [`--otlp.interval=${interval}`, "--otlp.logs=off"],
      env: { ...receiver.env, ...env },
    });

  /** Kills the unit's main process repeatedly, and waits until unitwatch has counted each kill. */
  const crash = async (unitwatch: Unitwatch, times: number): Promise<void> => {
    for (let time = 1; time <= times; time += 1) {
      await node.crash(UNIT);
      await unitwatch.until((scrape) => {
        expect(shownFailures(scrape, NODE)).toEqual({ [UNIT]: { signal: time } });
        expect(scrape.value("systemd_service_restart_total", { name: UNIT })).toBe(time);
        const state = { name: UNIT, state: "active" };
        expect(scrape.value("systemd_unit_state", state)).toBe(1);
      });
    }
  };

  let instance: unknown;
  let firstStartNs = 0n;

  test("equal those of /metrics, and their counts equal the journal's", async () => {
    await using unitwatch = await start("200ms");
    await unitwatch.untilWatching(1);
    await crash(unitwatch, 2);
    const scrape = await unitwatch.scrape();
    const latest = (): readonly ReceivedPoint[] => receiver.metrics.at(-1) ?? [];
    await receiver.until(() => {
      for (const metric of STATE_METRICS) {
        expect([metric.name, pushedValues(latest(), metric)]).toEqual([
          metric.name,
          scrapedValues(scrape, metric),
        ]);
      }
    });
    const failures = countFailures(await trueFailures(node));
    const [pushed] = select(latest(), "systemd.unit.failures");
    expect(failures).toEqual({ [UNIT]: { signal: pushed?.value } });
    expect(pushed).toMatchObject({
      kind: "sum",
      isMonotonic: true,
      temporality: "cumulative",
      attributes: {
        "container.name": NODE,
        "container.id": node.id,
        "unitwatch.node": "worker-0",
        "unitwatch.cluster": CLUSTER,
        "systemd.unit.name": UNIT,
        "systemd.unit.type": "service",
        "systemd.service.result": "signal",
      },
      resource: { "service.name": "unitwatch" },
      scope: { name: "unitwatch" },
    });
    const starts = receiver.metrics.flatMap((points) =>
      select(points, "systemd.service.restarts", { "systemd.unit.name": UNIT }).map(
        ({ startNs }) => startNs,
      ),
    );
    expect(new Set(starts).size).toBe(1);
    firstStartNs = starts[0] ?? 0n;
    instance = pushed?.resource["service.instance.id"];
    expect(instance).toMatch(/^[\da-f-]{36}$/);
  });

  test("add up as deltas, with a last push at the end from the same instance", async () => {
    const env = { OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: "delta" };
    const unitwatch = await start("1h", env);
    await unitwatch.untilWatching(1);
    await crash(unitwatch, 1);
    expect((await unitwatch.stop()).code).toBe(0);
    // The last push of the unitwatch before may still be on its way from the receiver's process.
    const firstDelta = (): number =>
      receiver.metrics.findIndex((points) =>
        select(points, "systemd.service.restarts").some(isDelta),
      );
    await receiver.until(() => firstDelta() >= 0);
    const points = receiver.metrics.slice(firstDelta()).flat();
    const [restarts] = select(points, "systemd.service.restarts", { "systemd.unit.name": UNIT });
    expect(restarts).toMatchObject({ value: 1, temporality: "delta", isMonotonic: true });
    expect(restarts?.startNs).toBeGreaterThan(firstStartNs);
    expect(select(points, "systemd.unit.state", { "systemd.unit.name": UNIT })).toContainEqual(
      expect.objectContaining({
        value: 1,
        temporality: "cumulative",
        attributes: expect.objectContaining({ "systemd.unit.active_state": "active" }),
      }),
    );
    expect(restarts?.resource["service.instance.id"]).toBe(instance);
  });

  // A command in the node follows the journal at first, then the host's journalctl.
  test("come with each entry of a node's journal once, over a SIGKILL of unitwatch", async () => {
    const follow = (transport: string): Promise<Unitwatch> =>
      startUnitwatch({
        host: engine.host,
        cluster: CLUSTER,
        storagePath,
        args: ["--journal.records=all", `--systemd.transport=${transport}`],
        env: receiver.env,
        onHostOf: transport === "socket" ? engine : undefined,
      });
    await node.writeUnit(TALK, TALK_FILE);
    const killed = await follow("dbus");
    await killed.untilWatching(1);
    const talked = node.startUnit(TALK);
    await receiver.until((logs) => sentEntries(logs, TALK).length >= 50);
    killed.signal("SIGKILL");
    await killed.exited;
    await node.exec(["journalctl", "--rotate"]);
    await using _unitwatch = await follow("socket");
    await talked;
    const truth = await trueEntries(node, TALK);
    expect(truth.filter(({ identifier }) => identifier === "talk")).toHaveLength(LINES);
    await receiver.until((logs) => expect(sentEntries(logs, TALK)).toEqual(truth));
  });
});

function isDelta({ temporality }: ReceivedPoint): boolean {
  return temporality === "delta";
}
