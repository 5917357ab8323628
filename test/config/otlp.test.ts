import { inspect } from "node:util";
import { expect, test } from "@jest/globals";
import { readOtlp } from "../../src/config/otlp.ts";
import type { OtlpSignalConfig } from "../../src/config/otlp.ts";
import type { Environment } from "../../src/config/flag/settings.ts";

const PREFIX = "OTEL_EXPORTER_OTLP";

/** Returns the logs' configuration; variables come without their common prefix. */
function logsOf(parts: Environment, asked?: "on" | "off"): OtlpSignalConfig | undefined {
  const env = Object.fromEntries(
    Object.entries(parts).map(([part, text]) => [`${PREFIX}_${part}`, text]),
  );
  return readOtlp(env, { logs: asked }).logs;
}

test("exports logs when an endpoint or the flag is set", () => {
  expect(logsOf({})).toBeUndefined();
  expect(logsOf({ ENDPOINT: "" })).toBeUndefined();
  expect(logsOf({ METRICS_ENDPOINT: "http://a" })).toBeUndefined();
  expect(logsOf({ ENDPOINT: "http://a" })).toBeDefined();
  expect(logsOf({ LOGS_ENDPOINT: "http://a" })).toBeDefined();
  expect(logsOf({ ENDPOINT: "http://a" }, "off")).toBeUndefined();
  expect(logsOf({}, "on")).toEqual({
    url: "http://localhost:4318/v1/logs",
    protocol: "http/protobuf",
    headers: [],
    timeoutMs: 10_000,
    compression: "none",
    tls: { caFile: undefined, keyFile: undefined, certFile: undefined },
    userAgent: expect.stringMatching(/^unitwatch\/\d+\.\d+\.\d+ /),
  });
});

test("exports nothing when OTEL_SDK_DISABLED is true", () => {
  const env = { OTEL_SDK_DISABLED: "True", OTEL_EXPORTER_OTLP_ENDPOINT: "http://a" };
  expect(readOtlp(env, { logs: "on", metrics: "on" })).toMatchObject({
    logs: undefined,
    metrics: undefined,
  });
});

test.each([
  [{ ENDPOINT: "http://a:4318" }, "http://a:4318/v1/logs"],
  [{ ENDPOINT: "http://a:4318/" }, "http://a:4318/v1/logs"],
  [{ ENDPOINT: "https://a/otlp" }, "https://a/otlp/v1/logs"],
  [{ ENDPOINT: "https://a/otlp/" }, "https://a/otlp/v1/logs"],
  [{ ENDPOINT: "https://a/otlp?key=1" }, "https://a/otlp/v1/logs?key=1"],
  [{ LOGS_ENDPOINT: "http://b/as/it/is" }, "http://b/as/it/is"],
  [{ LOGS_ENDPOINT: "http://b" }, "http://b/"],
  [{ LOGS_ENDPOINT: "http://b/l", ENDPOINT: "http://a" }, "http://b/l"],
  [{ LOGS_ENDPOINT: "", ENDPOINT: "http://a" }, "http://a/v1/logs"],
])("resolves the endpoint for logs from %j to %s", (parts, url) => {
  expect(logsOf(parts)?.url).toBe(url);
});

test("prefers each option of the signal to the common one", () => {
  const own = {
    LOGS_HEADERS: "a=1",
    LOGS_TIMEOUT: "5",
    LOGS_COMPRESSION: "none",
    LOGS_CERTIFICATE: "/own.pem",
    LOGS_PROTOCOL: "http/protobuf",
  };
  const all = {
    ENDPOINT: "http://a",
    HEADERS: "b=2,c=3",
    TIMEOUT: "7000",
    COMPRESSION: "gzip",
    CERTIFICATE: "/all.pem",
    CLIENT_KEY: "/key.pem",
    CLIENT_CERTIFICATE: "/cert.pem",
  };
  expect(logsOf(all)).toMatchObject({
    headers: [
      ["b", "2"],
      ["c", "3"],
    ],
    timeoutMs: 7000,
    compression: "gzip",
    tls: { caFile: "/all.pem", keyFile: "/key.pem", certFile: "/cert.pem" },
  });
  expect(logsOf({ ...all, ...own })).toMatchObject({
    headers: [["a", "1"]],
    timeoutMs: 5,
    compression: "none",
    tls: { caFile: "/own.pem", keyFile: "/key.pem", certFile: "/cert.pem" },
  });
});

test("reads an endpoint and options for metrics alone", () => {
  const { metrics } = readOtlp(
    {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://a",
      OTEL_EXPORTER_OTLP_METRICS_TIMEOUT: "9",
      OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: "8",
    },
    {},
  );
  expect(metrics).toMatchObject({ url: "http://a/v1/metrics", timeoutMs: 9 });
});

test("pushes metrics every minute unless the flag or the variable says otherwise", () => {
  expect(readOtlp({}, {}).metricPush).toEqual({
    intervalMs: 60_000,
    timeoutMs: 60_000,
    temporality: "cumulative",
  });
  const env = { OTEL_METRIC_EXPORT_INTERVAL: "5000" };
  expect(readOtlp(env, {}).metricPush).toMatchObject({ intervalMs: 5_000, timeoutMs: 5_000 });
  const asked = { intervalMs: 250 };
  expect(readOtlp(env, asked).metricPush).toMatchObject({ intervalMs: 250, timeoutMs: 250 });
});

test.each([
  ["1000", 1_000],
  ["0", 60_000],
  ["999999", 60_000],
])("limits a push to the interval when OTEL_METRIC_EXPORT_TIMEOUT is %s", (limit, timeoutMs) => {
  const env = { OTEL_METRIC_EXPORT_TIMEOUT: limit };
  expect(readOtlp(env, {}).metricPush.timeoutMs).toBe(timeoutMs);
});

test.each([
  ["", "cumulative"],
  ["cumulative", "cumulative"],
  ["Delta", "delta"],
  ["LOWMEMORY", "lowmemory"],
])("maps the preference %j to the temporality %s", (text, temporality) => {
  const env = { OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: text };
  expect(readOtlp(env, {}).metricPush.temporality).toBe(temporality);
});

test("decodes header values, lowercases names and keeps the last value of a name", () => {
  const headers = logsOf({
    ENDPOINT: "http://a",
    HEADERS: " Authorization = Basic%20dXNlcjpw , x-a=1,X-A=b=c,,x-empty=",
  })?.headers;
  expect(headers).toEqual([
    ["authorization", "Basic dXNlcjpw"],
    ["x-a", "b=c"],
    ["x-empty", ""],
  ]);
});

test("hides headers from JSON and util.inspect", () => {
  const config = logsOf({ ENDPOINT: "http://a", HEADERS: "authorization=hunter2" });
  expect(inspect(config, { depth: null })).not.toContain("hunter2");
  expect(JSON.stringify(config)).not.toContain("hunter2");
  expect(`${inspect(config)}${JSON.stringify(config)}`).toContain("[redacted]");
});

test("treats a timeout of 0 and one beyond the longest timer as no limit", () => {
  for (const TIMEOUT of ["0", "999999999999"]) {
    expect(logsOf({ ENDPOINT: "http://a", TIMEOUT })?.timeoutMs).toBe(2_147_483_647);
  }
});

test("takes the service name from its variable, the attributes or the default, in this order", () => {
  const attributes = "service.name=from%20attributes,host.name=h%2C1, k = v ";
  expect(readOtlp({ OTEL_RESOURCE_ATTRIBUTES: attributes }, {})).toMatchObject({
    serviceName: "from attributes",
    resourceAttributes: [
      ["host.name", "h,1"],
      ["k", "v"],
    ],
  });
  const env = { OTEL_RESOURCE_ATTRIBUTES: attributes, OTEL_SERVICE_NAME: "own" };
  expect(readOtlp(env, {}).serviceName).toBe("own");
  expect(readOtlp({ OTEL_SERVICE_NAME: "" }, {}).serviceName).toBe("unitwatch");
});

test.each([
  [{ ENDPOINT: "a:4318" }, /^OTEL_EXPORTER_OTLP_ENDPOINT: expected a URL with http/],
  [{ ENDPOINT: "grpc://a" }, /^OTEL_EXPORTER_OTLP_ENDPOINT: expected a URL with http/],
  [{ LOGS_ENDPOINT: "http://" }, /^OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: expected a URL with http/],
  [{ ENDPOINT: "http://me:hunter2@a" }, /ENDPOINT: expected a URL without user name/],
  [{ PROTOCOL: "http" }, /PROTOCOL: expected http\/protobuf, http\/json or grpc, got "http"$/],
  [{ TIMEOUT: "10s" }, /TIMEOUT: expected a whole number of milliseconds, got "10s"$/],
  [{ TIMEOUT: "-1" }, /TIMEOUT: expected a whole number of milliseconds/],
  [{ COMPRESSION: "zstd" }, /COMPRESSION: expected gzip or none, got "zstd"$/],
  [
    { HEADERS: "hunter2" },
    /HEADERS: expected key1=value1,key2=value2 with values percent-encoded$/,
  ],
  [{ HEADERS: "=hunter2" }, /HEADERS: expected key1=value1/],
  [{ HEADERS: "a=hunter2%" }, /HEADERS: expected key1=value1/],
  [{ HEADERS: "a b=hunter2" }, /HEADERS: expected valid names of HTTP headers$/],
  [{ HEADERS: "a=hunter2%0D%0Ab:c" }, /HEADERS: expected a valid value of header a$/],
  [{ HEADERS: "a=hunter2%F0%9F%98%80" }, /HEADERS: expected a valid value of header a$/],
  [{ HEADERS: "Content-Length=5" }, /HEADERS: expected headers other than content-length/],
  [{ CERTIFICATE: "a\nb" }, /CERTIFICATE: expected the path of a PEM file/],
  [
    { ENDPOINT: "http://a", CLIENT_KEY: "/k" },
    /^OTEL_EXPORTER_OTLP_CLIENT_KEY: expected OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE to be set too$/,
  ],
  [
    { ENDPOINT: "http://a", LOGS_CLIENT_CERTIFICATE: "/c" },
    /^OTEL_EXPORTER_OTLP_LOGS_CLIENT_CERTIFICATE: expected OTEL_EXPORTER_OTLP_CLIENT_KEY to be set too$/,
  ],
])("rejects %j without repeating secrets", (parts, line) => {
  const refused = (): unknown => logsOf(parts);
  expect(refused).toThrow(line);
  expect(refused).not.toThrow("hunter2");
});

test.each(["http/protobuf", "http/json", "grpc"] as const)(
  "accepts the protocol %s for all signals or for one",
  (protocol) => {
    const path = protocol === "grpc" ? "" : "v1/logs";
    const all = logsOf({ ENDPOINT: "http://a", PROTOCOL: protocol });
    expect(all).toMatchObject({ protocol, url: `http://a/${path}` });
    const own = logsOf({ ENDPOINT: "http://a", PROTOCOL: "grpc", LOGS_PROTOCOL: protocol });
    expect(own).toEqual(all);
    const other = logsOf({ ENDPOINT: "http://a", PROTOCOL: protocol, METRICS_PROTOCOL: "grpc" });
    expect(other).toEqual(all);
  },
);

test("supports different protocols for metrics and logs", () => {
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: "https://a:4317",
    OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
    OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: "http/json",
  };
  expect(readOtlp(env, {})).toMatchObject({
    logs: { protocol: "grpc", url: "https://a:4317/" },
    metrics: { protocol: "http/json", url: "https://a:4317/v1/metrics" },
  });
  expect(readOtlp({ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, { metrics: "on" }).metrics?.url).toBe(
    "http://localhost:4317",
  );
});

test.each([
  [{ OTEL_SDK_DISABLED: "yes" }, /^OTEL_SDK_DISABLED: expected true or false, got "yes"$/],
  [{ OTEL_RESOURCE_ATTRIBUTES: "a" }, /^OTEL_RESOURCE_ATTRIBUTES: expected key1=value1/],
  [{ OTEL_RESOURCE_ATTRIBUTES: "a=%zz" }, /^OTEL_RESOURCE_ATTRIBUTES: expected key1=value1/],
  [{ OTEL_SERVICE_NAME: "a\nb" }, /^OTEL_SERVICE_NAME: expected the name of a service/],
  [
    { OTEL_RESOURCE_ATTRIBUTES: Array.from({ length: 129 }, (_, i) => `a${i}=1`).join() },
    /^OTEL_RESOURCE_ATTRIBUTES: expected at most 128 attributes$/,
  ],
  [
    { OTEL_RESOURCE_ATTRIBUTES: `a=${"x".repeat(1_025)}` },
    /^OTEL_RESOURCE_ATTRIBUTES: expected names and values of at most 1024 characters$/,
  ],
  [
    { OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: "up" },
    /^OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: expected cumulative, delta or lowmemory, got "up"$/,
  ],
  [
    { OTEL_METRIC_EXPORT_INTERVAL: "60s" },
    /^OTEL_METRIC_EXPORT_INTERVAL: expected a whole number of milliseconds, at least 1, got "60s"$/,
  ],
  [{ OTEL_METRIC_EXPORT_INTERVAL: "0" }, /^OTEL_METRIC_EXPORT_INTERVAL: .*at least 1, got "0"$/],
  [
    { OTEL_METRIC_EXPORT_TIMEOUT: "soon" },
    /^OTEL_METRIC_EXPORT_TIMEOUT: expected a whole number of milliseconds, got "soon"$/,
  ],
])("rejects %j", (env, line) => {
  expect(() => readOtlp(env, {})).toThrow(line);
});

test.each([
  ["localhost:4317", {}, "https://localhost:4317/"],
  ["a.example", {}, "https://a.example/"],
  ["[::1]:4317", {}, "https://[::1]:4317/"],
  ["localhost:4317", { INSECURE: "true" }, "http://localhost:4317/"],
  ["localhost:4317", { INSECURE: "true", LOGS_INSECURE: "false" }, "https://localhost:4317/"],
  ["https://a:4317", { INSECURE: "true" }, "https://a:4317/"],
])("resolves the gRPC endpoint %s with %j", (endpoint, more, url) => {
  for (const name of ["ENDPOINT", "LOGS_ENDPOINT"]) {
    expect(logsOf({ PROTOCOL: "grpc", [name]: endpoint, ...more })?.url).toBe(url);
  }
});

test.each(["localhost:99999", "a b:1", "/path", "a/b:1", "me:hunter2@a", "unix:///x"])(
  "rejects the gRPC endpoint %s",
  (ENDPOINT) => {
    expect(() => logsOf({ PROTOCOL: "grpc", ENDPOINT })).toThrow(
      /^OTEL_EXPORTER_OTLP_ENDPOINT: expected host:port, or a URL with http:\/\/ or https:\/\/$/,
    );
  },
);
