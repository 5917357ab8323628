import { OTLP_PROTOCOLS, type OtlpProtocol, type OtlpSignal } from "../domain/otlp.ts";
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

/** Destination of one signal. */
export interface OtlpSignalConfig {
  /** http(s) without credentials; over HTTP the whole URL to post to, for grpc the endpoint. */
  readonly url: string;
  readonly protocol: OtlpProtocol;
  /** Unique names in lower case. Values may be secret: util.inspect and JSON show none. */
  readonly headers: Pairs;
  /** Limit for one export; 2^31-1, the longest timer, means no limit. */
  readonly timeoutMs: number;
  readonly compression: "gzip" | "none";
  /** Paths of PEM files, not read yet; undefined: the system's CAs, no client certificate. */
  readonly tls: {
    readonly caFile: string | undefined;
    readonly keyFile: string | undefined;
    readonly certFile: string | undefined;
  };
  readonly userAgent: string;
}

export interface MetricPushConfig {
  /** Interval between two pushes. */
  readonly intervalMs: number;
  /** Limit for one push with all its attempts; at most the interval. */
  readonly timeoutMs: number;
  readonly temporality: (typeof TEMPORALITIES)[number];
}

const TEMPORALITIES = ["cumulative", "delta", "lowmemory"] as const;

export interface OtlpConfig {
  /** Undefined: export is off. */
  readonly logs: OtlpSignalConfig | undefined;
  /** Undefined: export is off. */
  readonly metrics: OtlpSignalConfig | undefined;
  readonly metricPush: MetricPushConfig;
  /** Resource attribute `service.name`. */
  readonly serviceName: string;
  /** The other resource attributes, with unique names. */
  readonly resourceAttributes: Pairs;
}

/** Paragraph of `--help` about these variables. */
export const OTEL_HELP =
  "OTLP export is configured by the standard variables OTEL_EXPORTER_OTLP_ENDPOINT, _PROTOCOL (http/protobuf, http/json, grpc), _HEADERS, _TIMEOUT (milliseconds), _COMPRESSION (gzip, none), _INSECURE (for grpc without a scheme), _CERTIFICATE, _CLIENT_KEY and _CLIENT_CERTIFICATE, each also as OTEL_EXPORTER_OTLP_LOGS_… and OTEL_EXPORTER_OTLP_METRICS_…, which take precedence; by OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE (cumulative, delta, lowmemory), OTEL_METRIC_EXPORT_INTERVAL and OTEL_METRIC_EXPORT_TIMEOUT; by OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, and OTEL_SDK_DISABLED, which turns all export off.";

/** Values of the --otlp flags; undefined if a flag is not given. */
export interface OtlpFlags {
  readonly logs?: "on" | "off" | undefined;
  readonly metrics?: "on" | "off" | undefined;
  readonly intervalMs?: number | undefined;
}

/**
 * Reads the standard variables of OTLP exporters, see
 * https://opentelemetry.io/docs/specs/otel/protocol/exporter/. An invalid value is an error, which is
 * stricter than the specification. A signal without a flag is exported if it has an endpoint.
 *
 * @throws ConfigError that names the variable
 */
export function readOtlp(env: Environment, flags: OtlpFlags): OtlpConfig {
  const disabled = read(env, ["OTEL_SDK_DISABLED"], trueOrFalse) ?? false;
  const attributes = new Map(
    read(env, ["OTEL_RESOURCE_ATTRIBUTES"], resourceAttributes, "secret") ?? [],
  );
  const attributeName = attributes.get("service.name");
  attributes.delete("service.name");
  const name = read(env, ["OTEL_SERVICE_NAME"], plainText("the name of a service"));
  const signal = (signal: OtlpSignal): OtlpSignalConfig | undefined =>
    readSignal(env, signal, disabled ? "off" : flags[signal]);
  return {
    logs: signal("logs"),
    metrics: signal("metrics"),
    metricPush: readMetricPush(env, flags.intervalMs),
    serviceName: name ?? (attributeName === "" ? undefined : attributeName) ?? "unitwatch",
    resourceAttributes: [...attributes],
  };
}

const PREFIX = "OTEL_EXPORTER_OTLP";

function readMetricPush(env: Environment, flagMs: number | undefined): MetricPushConfig {
  const intervalMs =
    flagMs ?? read(env, ["OTEL_METRIC_EXPORT_INTERVAL"], milliseconds(1)) ?? 60_000;
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
  wanted: "on" | "off" | undefined,
): OtlpSignalConfig | undefined {
  const own = `${PREFIX}_${signal.toUpperCase()}`;
  const names = (part: string): readonly string[] => [`${own}_${part}`, `${PREFIX}_${part}`];
  const option = <T>(part: string, parse: Parse<T>, secrecy?: "secret"): T | undefined =>
    read(env, names(part), parse, secrecy);

  const protocol = option("PROTOCOL", oneOf(OTLP_PROTOCOLS)) ?? "http/protobuf";
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
  if (wanted === "off" || (wanted === undefined && endpoint === undefined)) return undefined;

  const keyName = firstSet(env, names("CLIENT_KEY"));
  const certName = firstSet(env, names("CLIENT_CERTIFICATE"));
  if ((keyName === undefined) !== (certName === undefined)) {
    const missing = keyName === undefined ? "CLIENT_KEY" : "CLIENT_CERTIFICATE";
    throw new ConfigError(`${keyName ?? certName}: expected ${PREFIX}_${missing} to be set too`);
  }
  return config;
}

/** https://opentelemetry.io/docs/specs/otel/protocol/exporter/#user-agent */
const USER_AGENT = `unitwatch/${BUILD_INFO.version} (OTLP exporter; JavaScript)`;
const FILE = plainText("the path of a PEM file");

/**
 * Reads the signal's own endpoint, or else the common one with the signal's path appended.
 *
 * @param parse returns a parser that appends the path
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

/** Parses the first variable that is set and not empty; undefined if all are unset. */
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
