import { LOG_FORMATS, LOG_LEVELS } from "../domain/log.ts";
import { dockerHost, engineFilter, listenAddress, telemetryPath } from "./flag/addresses.ts";
import { optional, repeated, single } from "./flag/flag.ts";
import type { Flag } from "./flag/flag.ts";
import { ValueError } from "./flag/value-error.ts";
import {
  anchoredRegExp,
  byteSize,
  durationMs,
  intervalMs,
  oneOf,
  plainText,
  wholeNumber,
} from "./flag/scalars.ts";

/** Less holds no record. */
const MIN_QUEUE_BYTES = 4_096;

function queueBytes(text: string): number {
  const bytes = byteSize(text);
  if (bytes < MIN_QUEUE_BYTES) throw new ValueError("a size of at least 4KiB");
  return bytes;
}

const RUNTIMES = ["auto", "engine", "cli"] as const;
const TRANSPORTS = ["auto", "dbus", "busctl", "off"] as const;
const SWITCH_WORDS = ["on", "off"] as const;

/** All flags that take a value, in the order of help. */
export const FLAGS = {
  listenAddresses: repeated({
    name: "web.listen-address",
    hint: "ADDRESS",
    defaultText: ":10558",
    help: 'Address to listen on: host:port, :port (every interface) or [::1]:port. Port 0 picks a free one, which the log line "listening" tells.',
    separator: "comma",
    parse: listenAddress,
  }),
  telemetryPath: single({
    name: "web.telemetry-path",
    hint: "PATH",
    defaultText: "/metrics",
    help: "Path of the metrics.",
    parse: telemetryPath,
  }),
  webConfigFile: optional({
    name: "web.config.file",
    hint: "FILE",
    defaultText: "",
    help: "TLS, users and headers for HTTP, in the file format of the Prometheus exporter-toolkit. Read again when it changes.",
    completes: "file",
    parse: plainText("the path of a file"),
  }),
  dockerHost: optional({
    name: "docker.host",
    hint: "URL",
    defaultText: "DOCKER_HOST, else the default socket",
    help: "The container engine: unix:///PATH, tcp://HOST:PORT or ssh://[USER@]HOST[:PORT].",
    fallbackVariable: "DOCKER_HOST",
    secret: true,
    parse: dockerHost,
  }),
  dockerRuntime: single({
    name: "docker.runtime",
    hint: "RUNTIME",
    defaultText: "auto",
    help: "How to talk to the engine: engine (its API), cli (the command of --docker.command), or auto: the API wherever that can be had.",
    completes: RUNTIMES,
    parse: oneOf(RUNTIMES),
  }),
  dockerCommand: single({
    name: "docker.command",
    hint: "COMMAND",
    defaultText: "docker",
    help: "Name or path of the engine's CLI, without arguments; podman works.",
    completes: "command",
    parse: plainText("the name or path of a command"),
  }),
  watchFilters: repeated({
    name: "watch.filter",
    hint: "KEY=VALUE",
    defaultText: "",
    help: "Watch only containers that this filter lets through, such as label=sind.cluster=dev. The engine does the filtering.",
    separator: "newline",
    parse: engineFilter,
  }),
  watchCluster: optional({
    name: "watch.cluster",
    hint: "NAME",
    defaultText: "",
    help: "Short for --watch.filter=label=sind.cluster=NAME.",
    parse: plainText("the name of a cluster"),
  }),
  nodeNamePrefix: optional({
    name: "node.name-prefix",
    hint: "PREFIX",
    defaultText: "from labels",
    help: "Stripped from a container's name to give its node name.",
    parse: (text) => (text === "" ? text : plainText("the beginning of container names")(text)),
  }),
  systemdTransport: single({
    name: "systemd.transport",
    hint: "TRANSPORT",
    defaultText: "auto",
    help: "How to watch systemd in a container: dbus, busctl, off (don't), or auto, the best of them that each container has.",
    completes: TRANSPORTS,
    parse: oneOf(TRANSPORTS),
  }),
  unitInclude: single({
    name: "systemd.unit-include",
    hint: "REGEXP",
    defaultText: ".+",
    help: "Units to show: a regular expression that has to match the whole name.",
    parse: anchoredRegExp,
  }),
  unitExclude: single({
    name: "systemd.unit-exclude",
    hint: "REGEXP",
    defaultText: String.raw`.+\.(automount|device|mount|scope|slice|swap)`,
    help: "Units to leave out: a regular expression that has to match the whole name.",
    parse: anchoredRegExp,
  }),
  seriesLimit: single({
    name: "metrics.series-limit",
    hint: "NUMBER",
    defaultText: "200000",
    help: "Number of series past which new ones are refused and counted.",
    parse: wholeNumber(1, 10_000_000),
  }),
  retentionMs: single({
    name: "metrics.retention",
    hint: "DURATION",
    defaultText: "5m",
    help: "How long the series of a destroyed container stay.",
    parse: durationMs,
  }),
  otlpLogs: optional({
    name: "otlp.logs",
    hint: "on|off",
    defaultText: "on where an endpoint is set",
    help: "Send log records over OTLP, as the OTEL_ variables say.",
    completes: SWITCH_WORDS,
    parse: oneOf(SWITCH_WORDS),
  }),
  otlpMetrics: optional({
    name: "otlp.metrics",
    hint: "on|off",
    defaultText: "on where an endpoint is set",
    help: "Push metrics over OTLP, as the OTEL_ variables say.",
    completes: SWITCH_WORDS,
    parse: oneOf(SWITCH_WORDS),
  }),
  otlpInterval: optional({
    name: "otlp.interval",
    hint: "DURATION",
    defaultText: "OTEL_METRIC_EXPORT_INTERVAL, else 60s",
    help: "How often metrics are pushed over OTLP.",
    parse: intervalMs,
  }),
  storagePath: single({
    name: "storage.path",
    hint: "FOLDER",
    defaultText: "data",
    help: "Folder of the durable queue and the resume point; empty keeps them in memory.",
    emptyIsValue: true,
    completes: "folder",
    parse: (text) => (text === "" ? undefined : plainText("the path of a folder")(text)),
  }),
  queueBytes: single({
    name: "otlp.queue-bytes",
    hint: "SIZE",
    defaultText: "256MiB",
    help: "Size of the queue of log records that wait for their endpoint, such as 64MiB or 1GiB; full, it drops the oldest and counts them.",
    parse: queueBytes,
  }),
  logLevel: single({
    name: "log.level",
    hint: "LEVEL",
    defaultText: "info",
    help: "The lowest level that is logged: debug, info, warn or error.",
    completes: LOG_LEVELS,
    parse: oneOf(LOG_LEVELS),
  }),
  logFormat: single({
    name: "log.format",
    hint: "FORMAT",
    defaultText: "logfmt",
    help: "How lines are logged to stderr: logfmt or json.",
    completes: LOG_FORMATS,
    parse: oneOf(LOG_FORMATS),
  }),
} satisfies Readonly<Record<string, Flag<unknown>>>;

/** Flags that take no value, and have no variable. */
export const SWITCHES = {
  help: "Show this help and exit.",
  version: "Show the version and exit.",
  "check-config": "Check flags, variables and files, and exit: 0 if all is valid, else 2.",
} as const;
export type SwitchName = keyof typeof SWITCHES;
