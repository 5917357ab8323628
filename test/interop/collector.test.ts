import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import type { Engine } from "../support/engine/docker.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";
import { eventually } from "../support/eventually.ts";
import {
  type OtlpReceiver,
  type ReceivedLog,
  startOtlpReceiver,
} from "../support/otlp-receiver.ts";
import { slowMs } from "../support/slowness.ts";
import { TestAuthority } from "../support/test-authority.ts";
import { trueFailures } from "../support/truth.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";
import { Collector } from "./collector.ts";
import { collectorProgram } from "./programs.ts";

// The build of the collector takes minutes, the first time.
const BUILD_MS = 1_800_000;
const CLUSTER = "interopcol";
const NODE = `sind-${CLUSTER}-worker-0`;
const UNIT = "crash.service";
const UNIT_FILE = `[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=sleep infinity
Restart=always
`;

jest.setTimeout(slowMs(90_000));

describeEngine("the OpenTelemetry Collector with the shipped configuration", () => {
  const stack = new AsyncDisposableStack();
  let engine: Engine;
  let node: TestNode;
  let folder: string;
  let authority: TestAuthority;

  beforeAll(async () => {
    await collectorProgram();
    engine = attachEngine();
    folder = await mkdtemp(join(tmpdir(), "unitwatch-interop-"));
    stack.defer(() => rm(folder, { recursive: true }));
    authority = stack.use(await TestAuthority.make());
    node = stack.use(await startNode(engine, { name: NODE, labels: { "sind.cluster": CLUSTER } }));
    await node.writeUnit(UNIT, UNIT_FILE);
    await node.startUnit(UNIT);
  }, BUILD_MS);
  afterAll(() => stack.disposeAsync());

  const start = async (env: Readonly<Record<string, string>>, storage = ""): Promise<Unitwatch> => {
    const unitwatch = await startUnitwatch({
      host: engine.host,
      cluster: CLUSTER,
      ...(storage !== "" && { storagePath: join(folder, storage) }),
      args: ["--otlp.interval=2s", "--journal.records=off"],
      env,
    });
    await unitwatch.untilWatching(1);
    return unitwatch;
  };

  /** Kills the unit's main process this often; returns when systemd has started it again. */
  const crash = async (times: number): Promise<void> => {
    for (let time = 0; time < times; time += 1) {
      const pid = await node.systemctl("show", "--property=MainPID", "--value", UNIT);
      await node.crash(UNIT);
      await node.exec(["timeout", "15", "sh", "-c", UNTIL_ANOTHER, "sh", UNIT, pid]);
    }
  };

  const failed = (logs: readonly ReceivedLog[]): readonly ReceivedLog[] => {
    const own = logs.filter(({ eventName }) => eventName === "systemd.unit.failed");
    return [...new Map(own.map((log) => [log.attributes["log.record.uid"], log])).values()];
  };

  /** Waits for these numbers of failures and of their value in the metrics at the end of the chain. */
  const untilArrived = async (receiver: OtlpReceiver, failures: number, total: number) => {
    await receiver.until((logs) => failed(logs).length === failures);
    await eventually(() => {
      const points = receiver.metrics.at(-1) ?? [];
      const found = points.find(({ name }) => name === "systemd.unit.failures");
      return Promise.resolve(found !== undefined && found.value === total);
    });
    return failed(receiver.logs);
  };

  /** A failure as it leaves the collector. */
  const EXPECTED = expect.objectContaining({
    severityText: "ERROR",
    severityNumber: 17,
    body: expect.stringContaining(`Unit ${UNIT} in ${NODE} failed: signal, `),
    scope: expect.objectContaining({ name: "unitwatch" }),
    resource: expect.objectContaining({
      "service.name": "unitwatch",
      "deployment.environment.name": "interop",
    }),
    attributes: expect.objectContaining({
      "event.name": "systemd.unit.failed",
      "error.type": "signal",
      "container.name": NODE,
      "systemd.unit.name": UNIT,
      "systemd.service.result": "signal",
      "unitwatch.recovered": false,
    }),
  }) as unknown;

  test.each([
    ["http/protobuf", "none"],
    ["http/protobuf", "gzip"],
    ["http/json", "none"],
    ["http/json", "gzip"],
    ["grpc", "none"],
    ["grpc", "gzip"],
  ] as const)(
    "forwards logs and metrics over %s with compression %s",
    async (protocol, compression) => {
      await using receiver = await startOtlpReceiver();
      await using collector = await Collector.start({ to: receiver.url });
      const port = protocol === "grpc" ? collector.grpcPort : collector.httpPort;
      await using _ = await start({
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_EXPORTER_OTLP_COMPRESSION: compression,
        OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=interop",
      });
      await crash(2);
      const records = await untilArrived(receiver, 2, 2);
      expect(records).toEqual([EXPECTED, EXPECTED]);
    },
  );

  test.each(["http/protobuf", "grpc"] as const)(
    "accepts client certificates over %s",
    async (protocol) => {
      const [server, client] = [
        await authority.issue("collector"),
        await authority.issue("unitwatch"),
      ];
      await using receiver = await startOtlpReceiver();
      await using collector = await Collector.start({
        to: receiver.url,
        tls: { ...server, authority: authority.cert },
      });
      const port = protocol === "grpc" ? collector.grpcPort : collector.httpPort;
      await using _ = await start({
        OTEL_EXPORTER_OTLP_ENDPOINT: `https://127.0.0.1:${port}`,
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_EXPORTER_OTLP_CERTIFICATE: authority.cert,
        OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: client.cert,
        OTEL_EXPORTER_OTLP_CLIENT_KEY: client.key,
      });
      await crash(1);
      expect(await untilArrived(receiver, 1, 1)).toHaveLength(1);
    },
  );

  test.each([
    ["which buffers nothing", false],
    ["which has a queue on its disk", true],
  ])("loses nothing when the collector, %s, crashes in the middle", async (_, queues) => {
    const before = (await trueFailures(node)).length;
    await using receiver = await startOtlpReceiver();
    await using collector = await Collector.start({ to: receiver.url, queues });
    await using unitwatch = await start(
      { OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: `http://127.0.0.1:${collector.httpPort}/v1/logs` },
      `storage-${queues}`,
    );
    for (let round = 0; round < 3; round += 1) {
      await crash(2);
      await collector.kill();
      await crash(2);
      await collector.start();
    }
    const truth = (await trueFailures(node)).length - before;
    expect(truth).toBe(12);
    await receiver.until((logs) => failed(logs).length === truth, { withinMs: 60_000 });
    await unitwatch.until((scrape) => scrape.value("unitwatch_otlp_queue_records") === 0);
    expect(
      (await unitwatch.scrape()).select("unitwatch_dropped_total").filter(({ value }) => value > 0),
    ).toEqual([]);
  });
});

const UNTIL_ANOTHER = `
until pid=$(systemctl show --property=MainPID --value -- "$1") && [ "$pid" != 0 ] && [ "$pid" != "$2" ]
do sleep 0.02
done`;
