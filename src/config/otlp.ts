import { BUILD_INFO } from "./build-info.ts";
import {
  grpcUrl,
  httpSignalUrl,
  milliseconds,
  otlpHeaders,
  resourceAttributes,
  timeoutMs,
} from "./flag/otlp-values.ts";
import type { Pairs } from "./flag/otlp-values.ts";
import { oneOf, oneOfAnyCase, plainText, trueOrFalse } from "./flag/scalars.ts";
import type { Environment } from "./flag/settings.ts";
import { ConfigError, parseSetting } from "./flag/value-error.ts";
import type { Parse } from "./flag/value-error.ts";

const PROTOCOLS = ["http/protobuf", "http/json", "grpc"] as const;
export type OtlpProtocol = (typeof PROTOCOLS)[number];
export type OtlpSignal = "logs" | "metrics";

/** Where and how one signal is sent. */
export interface OtlpSignalConfig {
  /** http(s); the whole URL to post to over HTTP, the endpoint as given for grpc. No credentials. */
  readonly url: string;
  readonly protocol: OtlpProtocol;
  /** Names in lower case, each once. They hold secrets: util.inspect and JSON show none of them. */
  readonly headers: Pairs;
  /** For one export; 2^31-1, the longest timer, where no limit is asked for. */
  readonly timeoutMs: number;
  readonly compression: "gzip" | "none";
  /** Paths of PEM files, not read yet; undefined: the system's trust, no client certificate. */
  readonly tls: {
    readonly caFile: string | undefined;
    readonly keyFile: string | undefined;
    readonly certFile: string | undefined;
  };
  readonly userAgent: string;
}

/** How metrics are pushed. */
export interface MetricPushConfig {
  /** From one push to the next. */
  readonly intervalMs: number;
  /** For one push, all of its attempts included; at most the interval. */
  readonly timeoutMs: number;
  readonly temporality: (typeof TEMPORALITIES)[number];
}

const TEMPORALITIES = ["cumulative", "delta", "lowmemory"] as const;

export interface OtlpConfig {
  /** Undefined: not sent. */
  readonly logs: OtlpSignalConfig | undefined;
  readonly metrics: OtlpSignalConfig | undefined;
  readonly metricPush: MetricPushConfig;
  /** Resource attribute `service.name`. */
  readonly serviceName: string;
  /** The other resource attributes, each once. */
  readonly resourceAttributes: Pairs;
}

/** The paragraph of `--help` on these variables. */
export const OTEL_HELP =
  "OTLP is set by the standard variables OTEL_EXPORTER_OTLP_ENDPOINT, _PROTOCOL (http/protobuf, http/json, grpc), _HEADERS, _TIMEOUT (milliseconds), _COMPRESSION (gzip, none), _INSECURE (for grpc without a scheme), _CERTIFICATE, _CLIENT_KEY and _CLIENT_CERTIFICATE, each also as OTEL_EXPORTER_OTLP_LOGS_… and OTEL_EXPORTER_OTLP_METRICS_…, which win; by OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE (cumulative, delta, lowmemory), OTEL_METRIC_EXPORT_INTERVAL and OTEL_METRIC_EXPORT_TIMEOUT; by OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, and OTEL_SDK_DISABLED, which turns all sending off.";

/** What flags say of it; undefined where they say nothing. */
export interface AskedOtlp {
  readonly logs?: "on" | "off" | undefined;
  readonly metrics?: "on" | "off" | undefined;
  readonly intervalMs?: number | undefined;
}

/**
 * Reads the standard variables of the OTLP exporters.
 * https://opentelemetry.io/docs/specs/otel/protocol/exporter/
 *
 * Stricter than the specification, which would warn and go on: a value that makes no sense is an
 * error. A signal that isn't asked for on or off is sent where there is an endpoint for it.
 *
 * @throws ConfigError naming the variable
 */
export function readOtlp(env: Environment, asked: AskedOtlp): OtlpConfig {
  const disabled = read(env, ["OTEL_SDK_DISABLED"], trueOrFalse) ?? false;
  const attributes = new Map(
    read(env, ["OTEL_RESOURCE_ATTRIBUTES"], resourceAttributes, "secret") ?? [],
  );
  const attributeName = attributes.get("service.name");
  attributes.delete("service.name");
  const name = read(env, ["OTEL_SERVICE_NAME"], plainText("the name of a service"));
  const signal = (signal: OtlpSignal): OtlpSignalConfig | undefined =>
    readSignal(env, signal, disabled ? "off" : asked[signal]);
  return {
    logs: signal("logs"),
    metrics: signal("metrics"),
    metricPush: readMetricPush(env, asked.intervalMs),
    serviceName: name ?? (attributeName === "" ? undefined : attributeName) ?? "unitwatch",
    resourceAttributes: [...attributes],
  };
}

const PREFIX = "OTEL_EXPORTER_OTLP";

function readMetricPush(env: Environment, askedMs: number | undefined): MetricPushConfig {
  const intervalMs =
    askedMs ?? read(env, ["OTEL_METRIC_EXPORT_INTERVAL"], milliseconds(1)) ?? 60_000;
  const limitMs = read(env, ["OTEL_METRIC_EXPORT_TIMEOUT"], timeoutMs) ?? intervalMs;
  const preference = `${PREFIX}_METRICS_TEMPORALITY_PREFERENCE`;
  return {
    intervalMs,
    timeoutMs: Math.min(limitMs, intervalMs),
    temporality: read(env, [preference], oneOfAnyCase(TEMPORALITIES)) ?? "cumulative",
  };
}

function readSignal(
  env: Environment,
  signal: OtlpSignal,
  asked: "on" | "off" | undefined,
): OtlpSignalConfig | undefined {
  const own = `${PREFIX}_${signal.toUpperCase()}`;
  const names = (part: string): readonly string[] => [`${own}_${part}`, `${PREFIX}_${part}`];
  const option = <T>(part: string, parse: Parse<T>, secrecy?: "secret"): T | undefined =>
    read(env, names(part), parse, secrecy);

  const protocol = option("PROTOCOL", oneOf(PROTOCOLS)) ?? "http/protobuf";
  const isInsecure = option("INSECURE", trueOrFalse) ?? false;
  const endpoint = readEndpoint(env, signal, (path) =>
    protocol === "grpc" ? grpcUrl(isInsecure ? "http" : "https") : httpSignalUrl(path),
  );
  const config: OtlpSignalConfig = {
    url: endpoint ?? defaultUrl(signal, protocol),
    protocol,
    headers: option("HEADERS", otlpHeaders, "secret") ?? [],
    timeoutMs: option("TIMEOUT", timeoutMs) ?? 10_000,
    compression: option("COMPRESSION", oneOf(["gzip", "none"])) ?? "none",
    tls: {
      caFile: option("CERTIFICATE", FILE),
      keyFile: option("CLIENT_KEY", FILE),
      certFile: option("CLIENT_CERTIFICATE", FILE),
    },
    userAgent: USER_AGENT,
  };
  if (asked === "off" || (asked === undefined && endpoint === undefined)) return undefined;

  const keyName = firstSet(env, names("CLIENT_KEY"));
  const certName = firstSet(env, names("CLIENT_CERTIFICATE"));
  if ((keyName === undefined) !== (certName === undefined)) {
    const missing = keyName === undefined ? "CLIENT_KEY" : "CLIENT_CERTIFICATE";
    throw new ConfigError(`${keyName ?? certName}: expected ${PREFIX}_${missing} with it`);
  }
  return config;
}

/** https://opentelemetry.io/docs/specs/otel/protocol/exporter/#user-agent */
const USER_AGENT = `unitwatch/${BUILD_INFO.version} (OTLP exporter; JavaScript)`;
const FILE = plainText("the path of a PEM file");

/**
 * The signal's own endpoint is taken as it is, the one for all gets the signal's path appended.
 *
 * @param parse reads an endpoint to which this path is to be appended
 */
function readEndpoint(
  env: Environment,
  signal: OtlpSignal,
  parse: (path: string) => Parse<string>,
): string | undefined {
  return (
    read(env, [`${PREFIX}_${signal.toUpperCase()}_ENDPOINT`], parse(""), "secret") ??
    read(env, [`${PREFIX}_ENDPOINT`], parse(`v1/${signal}`), "secret")
  );
}

function defaultUrl(signal: OtlpSignal, protocol: OtlpProtocol): string {
  return protocol === "grpc" ? "http://localhost:4317" : `http://localhost:4318/v1/${signal}`;
}

/** Parses the first of the variables that is set and not empty; undefined where none is. */
function read<T>(
  env: Environment,
  names: readonly string[],
  parse: Parse<T>,
  secrecy?: "secret",
): T | undefined {
  const name = firstSet(env, names);
  return name === undefined
    ? undefined
    : parseSetting(name, env[name] ?? "", parse, secrecy !== "secret");
}

function firstSet(env: Environment, names: readonly string[]): string | undefined {
  return names.find((name) => (env[name] ?? "") !== "");
}
