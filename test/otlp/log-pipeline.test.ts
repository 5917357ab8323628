import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, test } from "@jest/globals";
import { logRecordOf } from "../../src/logs/log-record.ts";
import { openLogPipeline } from "../../src/otlp/log-pipeline.ts";
import type { LogPipelineOptions } from "../../src/otlp/log-pipeline.ts";
import type { OtlpEndpoint } from "../../src/otlp/endpoint.ts";
import type { LogSink } from "../../src/otlp/log-sink.ts";
import { containerChange, dieChange, unitChange } from "../support/changes.ts";
import { httpEndpoint } from "../support/http-endpoint.ts";
import { decodeOtlpLogs } from "../support/otlp-logs.ts";

interface Opened {
  readonly sink: LogSink;
  /** What became of records: `exported 3`, `failed 3`, `dropped 1`. */
  readonly told: string[];
  readonly errors: Error[];
}

/** A pipeline that gives up at once, and doesn't wait for the SDK's first try again (1 s). */
async function opened(
  endpoint: Partial<OtlpEndpoint> & { readonly url: string },
  resource: LogPipelineOptions["resource"] = {},
): Promise<Opened> {
  const told: string[] = [];
  const errors: Error[] = [];
  const sink = await openLogPipeline({
    endpoint: {
      protocol: "http/protobuf",
      headers: [],
      timeoutMs: 500,
      compression: "none",
      tls: { caFile: undefined, keyFile: undefined, certFile: undefined },
      ...endpoint,
    },
    resource,
    version: "1.2.3",
    exported: (count) => void told.push(`exported ${count}`),
    failed(error, count) {
      errors.push(error);
      told.push(`failed ${count}`);
    },
    dropped: (count) => void told.push(`dropped ${count}`),
  });
  return { sink, told, errors };
}

const OPTIONS = { observedNs: 1_795_345_340_000_000_001n, instance: "here" };
const RECORD = logRecordOf(containerChange("container.start"), OPTIONS);

test("records are posted as protobuf to the URL as given, with the headers", async () => {
  await using endpoint = await httpEndpoint();
  const { sink } = await opened({
    url: `${endpoint.url}/custom/v1/logs?tenant=a`,
    headers: [
      ["authorization", "Bearer secret"],
      ["x-scope-orgid", "lab"],
    ],
  });
  sink.emit(RECORD);
  await sink.close();
  expect(endpoint.requests).toHaveLength(1);
  expect(endpoint.requests[0]).toMatchObject({
    method: "POST",
    path: "/custom/v1/logs?tenant=a",
    headers: {
      "content-type": "application/x-protobuf",
      authorization: "Bearer secret",
      "x-scope-orgid": "lab",
    },
  });
  expect(endpoint.requests[0]?.headers).not.toHaveProperty("content-encoding");
});

test("a record arrives as it was made, with its scope and resource", async () => {
  await using endpoint = await httpEndpoint();
  const { sink, told } = await opened(
    { url: endpoint.url },
    { "service.name": "unitwatch", "host.name": "lab" },
  );
  const changes = [
    dieChange(137),
    unitChange("unit.failed", { activeState: "failed", result: "exit-code", exitCode: 3 }),
  ];
  for (const change of changes) sink.emit(logRecordOf(change, OPTIONS));
  await sink.close();
  const logs = decodeOtlpLogs(endpoint.requests[0]?.body ?? Buffer.alloc(0));
  expect(logs).toMatchObject([
    {
      timeNs: 1_795_345_339_060_434_057n,
      observedNs: 1_795_345_340_000_000_001n,
      severityNumber: 17,
      severityText: "ERROR",
      eventName: "docker.container.die",
      body: "Container sind-dev-worker-0 exited with code 137.",
      attributes: {
        "event.name": "docker.container.die",
        "container.name": "sind-dev-worker-0",
        "process.exit.code": 137n,
        "unitwatch.recovered": false,
      },
      scope: { name: "unitwatch", version: "1.2.3" },
      resource: { "service.name": "unitwatch", "host.name": "lab" },
    },
    {
      eventName: "systemd.unit.failed",
      attributes: { "systemd.service.result": "exit-code", "process.exit.code": 3n },
    },
  ]);
  const sent = changes.map((change) => logRecordOf(change, OPTIONS).attributes);
  expect(logs.map(({ attributes }) => Object.keys(attributes).sort())).toEqual(
    sent.map((attributes) => Object.keys(attributes ?? {}).sort()),
  );
  expect(told).toEqual(["exported 2"]);
});

test("gzip is used where it is asked for", async () => {
  await using endpoint = await httpEndpoint();
  const { sink } = await opened({ url: endpoint.url, compression: "gzip" });
  sink.emit(RECORD);
  await sink.close();
  const [request] = endpoint.requests;
  expect(request?.headers["content-encoding"]).toBe("gzip");
  expect(decodeOtlpLogs(gunzipSync(request?.body ?? ""))).toHaveLength(1);
});

test("records are sent by themselves, without anyone closing", async () => {
  await using endpoint = await httpEndpoint();
  const { sink } = await opened({ url: endpoint.url });
  sink.emit(RECORD);
  await endpoint.received(1);
  expect(decodeOtlpLogs(endpoint.requests[0]?.body ?? Buffer.alloc(0))).toHaveLength(1);
  await sink.close();
});

test.each([503, 429, 400, 500])(
  "an answer %d is a failure, whose records are counted",
  async (status) => {
    await using endpoint = await httpEndpoint(status);
    const { sink, told, errors } = await opened({ url: endpoint.url });
    sink.emit(RECORD);
    sink.emit(RECORD);
    await sink.close();
    expect(told).toEqual(["failed 2"]);
    expect(errors[0]).toBeInstanceOf(Error);
  },
);

test("an endpoint that isn't there is a failure, and the next records are tried", async () => {
  const gone = await httpEndpoint();
  await gone[Symbol.asyncDispose]();
  const { sink, told } = await opened({ url: gone.url });
  sink.emit(RECORD);
  await sink.close();
  expect(told).toEqual(["failed 1"]);
});

test("an endpoint that recovers gets what comes then", async () => {
  await using endpoint = await httpEndpoint(503);
  const { sink, told } = await opened({ url: endpoint.url });
  sink.emit(RECORD);
  await endpoint.received(1);
  endpoint.status = 200;
  sink.emit(RECORD);
  await sink.close();
  expect(told).toEqual(["failed 1", "exported 1"]);
});

test("many records go in batches, all of them", async () => {
  await using endpoint = await httpEndpoint();
  const { sink, told } = await opened({ url: endpoint.url });
  for (let i = 0; i < 1_300; i++) sink.emit(RECORD);
  await sink.close();
  const sizes = endpoint.requests.map(({ body }) => decodeOtlpLogs(body).length);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(1_300);
  expect(Math.max(...sizes)).toBe(512);
  expect(told).toEqual(sizes.map((size) => `exported ${size}`));
});

test("past the bound new records are dropped and counted; what was sent makes room", async () => {
  const answer = Promise.withResolvers<number>();
  await using endpoint = await httpEndpoint(answer.promise);
  const { sink, told } = await opened({ url: endpoint.url, timeoutMs: 60_000 });
  for (let i = 0; i < 50_003; i++) sink.emit({ body: "small" });
  expect(told).toEqual(["dropped 1", "dropped 1", "dropped 1"]);
  answer.resolve(200);
  await endpoint.received(2);
  sink.emit({ body: "one more" });
  await sink.close();
  const sent = endpoint.requests.reduce((sum, { body }) => sum + decodeOtlpLogs(body).length, 0);
  expect(sent).toBe(50_001);
  expect(told.filter((what) => what.startsWith("dropped"))).toHaveLength(3);
});

test("a certificate file that can't be read is an error that names it", async () => {
  const file = join(tmpdir(), "unitwatch-no-such-file.pem");
  const tls = { caFile: file, keyFile: undefined, certFile: undefined };
  await expect(opened({ url: "https://127.0.0.1:1/", tls })).rejects.toThrow(
    `cannot read the certificate file ${file}`,
  );
});
