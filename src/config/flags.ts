import { MAX_LINES } from "../domain/journal.ts";
import { LOG_FORMATS, LOG_LEVELS } from "../domain/log.ts";
import { READING_GROUPS } from "../domain/readings.ts";
import { dockerHost, engineFilter, listenAddress, telemetryPath } from "./flag/addresses.ts";
import { optional, repeated, single } from "./flag/flag.ts";
import type { Flag } from "./flag/flag.ts";
import { ValueError } from "./flag/value-error.ts";
import {
  commandName,
  anchoredRegExp,
  byteSize,
  durationMs,
  intervalMs,
  oneOf,
  plainText,
  replacedRegExp,
  someOf,
  wholeNumber,
} from "./flag/scalars.ts";

/** A smaller queue has no room for a record. */
const MIN_QUEUE_BYTES = 4_096;

function queueBytes(text: string): number {
  const bytes = byteSize(text);
  if (bytes < MIN_QUEUE_BYTES) throw new ValueError("a size of at least 4KiB");
  return bytes;
}

const RUNTIMES = ["auto", "engine", "cli", "proc"] as const;
const JOURNAL_RECORDS = ["off", "failures", "all"] as const;
const TRANSPORTS = ["auto", "socket", "dbus", "busctl", "off"] as const;
const LOGGED_CHANGES = ["trouble", "all", "none"] as const;
const SWITCH_WORDS = ["on", "off"] as const;

/** Flags with a value, in the order of help. */
export const FLAGS = {
  listenAddresses: repeated({
    name: "web.listen-address",
    hint: "ADDRESS",
    defaultText: ":10558",
    help: 'Address to listen on: host:port, :port (all interfaces) or [::1]:port. Port 0 picks a free port, which the log line "listening" shows.',
    separator: "comma",
    parse: listenAddress,
  }),
  telemetryPath: single({
    name: "web.telemetry-path",
    hint: "PATH",
    defaultText: "/metrics",
    help: "Path under which metrics are exposed.",
    parse: telemetryPath,
  }),
  webConfigFile: optional({
    name: "web.config.file",
    hint: "FILE",
    defaultText: "",
    help: "File with TLS, basic auth and HTTP headers, in the format of the Prometheus exporter-toolkit. Reloaded when it changes.",
    completes: "file",
    parse: plainText("the path of a file"),
  }),
  runtime: optional({
    name: "runtime",
    hint: "RUNTIME",
    defaultText: "auto",
    help: "Where containers are found: engine (its API), cli (the command of --docker.command), proc (without an engine: by the /proc and the cgroups of this host, as root) or auto (the API if it is available, else the command, else proc if there is no such command).",
    completes: RUNTIMES,
    parse: oneOf(RUNTIMES),
  }),
  dockerHost: optional({
    name: "docker.host",
    hint: "URL",
    defaultText: "DOCKER_HOST, else the default socket",
    help: "Address of the container engine: unix:///PATH, tcp://HOST:PORT or ssh://[USER@]HOST[:PORT]. ssh:// works only through the CLI.",
    fallbackVariable: "DOCKER_HOST",
    secret: true,
    parse: dockerHost,
  }),
  dockerRuntime: optional({
    name: "docker.runtime",
    hint: "RUNTIME",
    defaultText: "",
    help: "Older name of --runtime.",
    completes: RUNTIMES,
    parse: oneOf(RUNTIMES),
  }),
  dockerCommand: single({
    name: "docker.command",
    hint: "COMMAND",
    defaultText: "docker",
    help: "Name or path of the engine's CLI, without arguments, such as docker or podman.",
    completes: "command",
    parse: commandName,
  }),
  watchFilters: repeated({
    name: "watch.filter",
    hint: "KEY=VALUE",
    defaultText: "",
    help: "Watch only containers that match this engine filter, such as label=sind.cluster=dev. The engine applies it.",
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
    help: "Prefix to strip from a container's name to get its node name.",
    parse: (text) => (text === "" ? text : plainText("the beginning of container names")(text)),
  }),
  systemdTransport: single({
    name: "systemd.transport",
    hint: "TRANSPORT",
    defaultText: "auto",
    help: "How to watch systemd in containers: socket (through the host's /proc, no exec), dbus, busctl, off (not at all) or auto (the best one that each container has).",
    completes: TRANSPORTS,
    parse: oneOf(TRANSPORTS),
  }),
  systemdHost: single({
    name: "systemd.host",
    hint: "on|off",
    defaultText: "off",
    help: "Whether the host's own systemd is watched as a node too. Its series have no label container, and node is the host's name.",
    completes: SWITCH_WORDS,
    parse: oneOf(SWITCH_WORDS),
  }),
  systemdUsers: single({
    name: "systemd.users",
    hint: "on|off",
    defaultText: "off",
    help: "Whether the units of user managers (user@UID.service) are watched too. Their series have the label user, the user's id.",
    completes: SWITCH_WORDS,
    parse: oneOf(SWITCH_WORDS),
  }),
  collect: single({
    name: "systemd.collect",
    hint: "GROUPS",
    defaultText: "timers,sockets",
    help: `Values to query from systemd when metrics are read, beside states: none, or some of ${READING_GROUPS.join(", ")}, separated by commas. Absent over busctl.`,
    completes: { anyOf: READING_GROUPS },
    parse: someOf(READING_GROUPS),
  }),
  unitInclude: single({
    name: "systemd.unit-include",
    hint: "REGEXP",
    defaultText: ".+",
    help: "Units to show: a regular expression that matches the whole name.",
    parse: anchoredRegExp,
  }),
  unitExclude: single({
    name: "systemd.unit-exclude",
    hint: "REGEXP",
    defaultText: String.raw`.+\.(automount|device|mount|scope|slice|swap)`,
    help: "Units to hide: a regular expression that matches the whole name.",
    parse: anchoredRegExp,
  }),
  journalRecords: single({
    name: "journal.records",
    hint: "RECORDS",
    defaultText: "failures",
    help: "Entries of the containers' journals, and of the host's with --systemd.host=on, to send as log records and to show: failures (the last lines of each run of a unit that fails), all (in containers also every entry of the shown units, as a log record; of the host failures alone) or off.",
    completes: JOURNAL_RECORDS,
    parse: oneOf(JOURNAL_RECORDS),
  }),
  journalLines: single({
    name: "journal.lines",
    hint: "NUMBER",
    defaultText: "20",
    help: "Lines of a run that failed, at most 100.",
    parse: wholeNumber(1, MAX_LINES),
  }),
  journalRedact: repeated({
    name: "journal.redact",
    hint: "REGEXP",
    defaultText: "",
    help: "Text to replace in lines of journals before they are stored, shown or sent: a regular expression.",
    separator: "newline",
    parse: replacedRegExp,
  }),
  containerStats: single({
    name: "containers.stats",
    hint: "on|off",
    defaultText: "off",
    help: "Whether memory, CPU and pids of running containers are queried when metrics are read: from their cgroups if this host has them, else from the engine's API.",
    completes: SWITCH_WORDS,
    parse: oneOf(SWITCH_WORDS),
  }),
  seriesLimit: single({
    name: "metrics.series-limit",
    hint: "NUMBER",
    defaultText: "200000",
    help: "Maximum number of series. New ones beyond it are refused and counted.",
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
    defaultText: "on if an endpoint is set",
    help: "Send log records over OTLP, configured by the OTEL_ variables.",
    completes: SWITCH_WORDS,
    parse: oneOf(SWITCH_WORDS),
  }),
  otlpMetrics: optional({
    name: "otlp.metrics",
    hint: "on|off",
    defaultText: "on if an endpoint is set",
    help: "Push metrics over OTLP, configured by the OTEL_ variables.",
    completes: SWITCH_WORDS,
    parse: oneOf(SWITCH_WORDS),
  }),
  otlpInterval: optional({
    name: "otlp.interval",
    hint: "DURATION",
    defaultText: "OTEL_METRIC_EXPORT_INTERVAL, else 60s",
    help: "Interval between two pushes of metrics over OTLP.",
    parse: intervalMs,
  }),
  storagePath: single({
    name: "storage.path",
    hint: "FOLDER",
    defaultText: "data",
    help: "Folder of the durable queue and the resume point. Empty keeps them in memory.",
    emptyIsValue: true,
    completes: "folder",
    parse: (text) => (text === "" ? undefined : plainText("the path of a folder")(text)),
  }),
  queueBytes: single({
    name: "otlp.queue-bytes",
    hint: "SIZE",
    defaultText: "256MiB",
    help: "Maximum size of the queue of log records, such as 64MiB or 1GiB. A full queue drops its oldest records and counts them.",
    parse: queueBytes,
  }),
  logLevel: single({
    name: "log.level",
    hint: "LEVEL",
    defaultText: "info",
    help: "Lowest level to log: debug, info, warn or error.",
    completes: LOG_LEVELS,
    parse: oneOf(LOG_LEVELS),
  }),
  logFormat: single({
    name: "log.format",
    hint: "FORMAT",
    defaultText: "logfmt",
    help: "Format of log lines on stderr: logfmt or json.",
    completes: LOG_FORMATS,
    parse: oneOf(LOG_FORMATS),
  }),
  logChanges: single({
    name: "log.changes",
    hint: "CHANGES",
    defaultText: "trouble",
    help: "Changes of containers and units to log at level info, in at most 5 lines a minute for a unit and 50 for a container: trouble (failures, out of memory, bad exits, unhealthy), all or none. The others are at level debug.",
    completes: LOGGED_CHANGES,
    parse: oneOf(LOGGED_CHANGES),
  }),
} satisfies Readonly<Record<string, Flag<unknown>>>;

/** Flags without a value; they have no variable. */
export const SWITCHES = {
  help: "Show this help and exit.",
  version: "Show the version and exit.",
  "check-config": "Check flags, variables and files, then exit with 0 if all are valid, else 2.",
} as const;
export type SwitchName = keyof typeof SWITCHES;
