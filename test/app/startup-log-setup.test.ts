import { resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { hashSync } from "bcryptjs";
import { logSetup, type SetupLogOptions } from "../../src/app/startup-log.ts";
import { parseConfig } from "../../src/config/parse-config.ts";
import type { RecordQueue } from "../../src/domain/record-queue.ts";
import type { ContainerResume } from "../../src/domain/resume.ts";
import { WebSettings } from "../../src/http/web-config/web-settings.ts";
import { type Certificates, makeCertificates } from "../support/certificates.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { recordedLog } from "../support/recorded-log.ts";

const stack = new AsyncDisposableStack();
let files: Certificates;
beforeAll(async () => {
  files = stack.use(await makeCertificates());
});
afterAll(() => stack.disposeAsync());

interface Setting {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly built?: Partial<Pick<SetupLogOptions, "runtime" | "store">>;
}

async function logged({ args = [], env = {}, built = {} }: Setting): Promise<string[]> {
  const parsed = parseConfig(args, env);
  if (parsed.kind !== "run") throw new Error(`parsed as ${parsed.kind}`);
  const { config } = parsed;
  const clock = new FakeClock();
  const { log, lines } = recordedLog(clock);
  const path = config.web.configFile;
  const web = path === undefined ? undefined : await WebSettings.open(path, { clock, log });
  logSetup({
    config,
    log,
    web,
    runtime: { kind: "engine", where: "unix:///var/run/docker.sock" },
    store: { folder: config.storage.path, queue: undefined, restored: undefined },
    ...built,
  });
  return lines.map((line) => line.replace(/^level=info msg=/, ""));
}

test("logs one line a subject when no flag is set", async () => {
  expect(await logged({})).toEqual([
    '"engine settings" runtime=engine host=unix:///var/run/docker.sock',
    '"container settings" filters=none',
    '"systemd settings" transport=auto',
    `storage path=${resolve("data")} durable=true containers=0`,
    '"OTLP export disabled"',
    '"web access" tls=false users=0',
  ]);
});

test("logs the flags that differ from the default", async () => {
  const lines = await logged({
    args: [
      "--watch.filter=label=a b",
      "--watch.cluster=dev",
      "--node.name-prefix=x-",
      "--systemd.transport=dbus",
      "--systemd.unit-include=slurm.*",
      "--systemd.unit-exclude=a|b",
      "--storage.path=",
    ],
    env: { DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: "/certs" },
    built: { runtime: { kind: "engine", where: "tcp://engine:2376" } },
  });
  expect(lines.slice(0, 4)).toEqual([
    '"engine settings" runtime=engine host=tcp://engine:2376 tls=true',
    '"container settings" filters="label=a b, label=sind.cluster=dev" node_name_prefix=x-',
    '"systemd settings" transport=dbus unit_include=slurm.* unit_exclude=a|b',
    "storage durable=false",
  ]);
});

test("logs no patterns when systemd is off", async () => {
  const args = ["--systemd.transport=off", "--systemd.unit-include=a"];
  expect(await logged({ args })).toContain('"systemd settings" transport=off');
});

test("logs the command and its context when the cli runtime is used", async () => {
  const runtime = { kind: "cli", where: undefined } as const;
  const setting = { args: ["--docker.command=/usr/bin/podman"], built: { runtime } };
  expect((await logged(setting))[0]).toBe('"engine settings" runtime=cli command=/usr/bin/podman');
  expect((await logged({ ...setting, env: { DOCKER_CONTEXT: "far" } }))[0]).toBe(
    '"engine settings" runtime=cli command=/usr/bin/podman context=far',
  );
});

test("logs what the store restored, and nothing when the store is unavailable", async () => {
  const queue = { state: { records: 12, bytes: 5, durable: true } } as RecordQueue;
  const cursor = { beginNs: 1n, lastNs: 1_795_345_335_788_625_649n, seen: [], count: 0 };
  const restored = { cursor, containers: [{}, {}] as ContainerResume[] };
  expect(await logged({ built: { store: { folder: "/kept", queue, restored } } })).toContain(
    "storage path=/kept durable=true records=12 containers=2 resume_from=2026-11-22T11:02:15.788625649Z",
  );
  const failed = await logged({
    built: { store: { folder: undefined, queue, restored: undefined } },
  });
  expect(failed.filter((line) => line.startsWith("storage"))).toEqual([]);
});

test("logs one line a signal without secrets", async () => {
  const env = {
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "https://logs.example/hunter2/v1/logs?key=hunter2",
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: "http://metrics.example:4317",
    OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: "grpc",
    OTEL_EXPORTER_OTLP_HEADERS: "authorization=hunter2",
    OTEL_RESOURCE_ATTRIBUTES: "secret=hunter2",
    OTEL_METRIC_EXPORT_INTERVAL: "2500",
  };
  const lines = await logged({ env });
  expect(lines).toEqual(
    expect.arrayContaining([
      '"OTLP log export enabled" endpoint=https://logs.example protocol=http/protobuf compression=none',
      '"OTLP metric export enabled" endpoint=http://metrics.example:4317 protocol=grpc compression=none interval_seconds=2.5 temporality=cumulative',
    ]),
  );
  expect(lines.join("\n")).not.toMatch(/hunter2|disabled/);
  const some = await logged({ env, args: ["--otlp.metrics=off"] });
  expect(some.filter((line) => line.includes("OTLP"))).toHaveLength(1);
});

test("logs the number of users without their passwords", async () => {
  const hash = hashSync("wonder", 4);
  const users = `basic_auth_users:\n  alice: ${hash}\n  bob: ${hash}\n`;
  const tls =
    "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n";
  const path = await files.write("web.yml", `${tls}${users}`);
  expect((await logged({ args: [`--web.config.file=${path}`] })).at(-1)).toBe(
    `"web access" tls=true client_auth=RequireAndVerifyClientCert users=2 file=${path}`,
  );
  await files.write("web.yml", users);
  expect((await logged({ args: [`--web.config.file=${path}`] })).at(-1)).toBe(
    `"web access" tls=false users=2 file=${path}`,
  );
});

test.each([
  ["delta", "http://prometheus:9090/api/v1/otlp/v1/metrics", true],
  ["lowmemory", "http://prometheus:9090/behind/api/v1/otlp/v1/metrics/", true],
  ["cumulative", "http://prometheus:9090/api/v1/otlp/v1/metrics", false],
  ["delta", "http://collector:4318/v1/metrics", false],
])("warns once or not when %s sums go to %s", async (temporality, endpoint, isWarned) => {
  const env = {
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: temporality,
  };
  const warnings = (await logged({ env })).filter((line) => line.startsWith("level=warn"));
  const expected = `level=warn msg="metrics endpoint accepts cumulative sums only" endpoint=http://prometheus:9090 temporality=${temporality}`;
  expect(warnings).toEqual(isWarned ? [expected] : []);
});
