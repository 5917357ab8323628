/** One or several names, and their meaning. */
export interface Entry {
  readonly names: readonly string[];
  readonly text: string;
}

export const DESCRIPTION = [
  "unitwatch watches one container engine: every container, and the systemd units inside each container that runs systemd. State changes arrive as events, never by polling. They become Prometheus metrics, OpenTelemetry log records and metrics over OTLP, and a live status page.",
  "Without a command it runs as a sidecar until a signal ends it. It listens on port 10558: / is the status page, /metrics is for Prometheus, /api/v1/state is the current state as JSON, /api/v1/events is the stream of changes, /-/healthy answers while it serves, and /-/ready once it has listed the containers of the engine.",
  "It needs the engine's socket. Every user and process that can write to that socket can become root on the host. unitwatch never enters ordinary containers. In those that run systemd it starts systemd-stdio-bridge or busctl, and journalctl after a gap or a failure, and leaves no process behind.",
  "It logs to stderr, one line an entry. At start it logs what it watches and how, where it stores and sends data, which clients it accepts, and when it is ready.",
] as const;

export const ENGINE_VARIABLES: readonly Entry[] = [
  {
    names: ["DOCKER_HOST"],
    text: "Address of the engine, if neither --docker.host nor its variable is set.",
  },
  {
    names: ["DOCKER_TLS_VERIFY"],
    text: "If set to anything, unitwatch uses TLS with an engine at tcp://.",
  },
  {
    names: ["DOCKER_CERT_PATH"],
    text: "Folder of ca.pem, cert.pem and key.pem for this. Default: ~/.docker",
  },
  {
    names: ["DOCKER_CONTEXT"],
    text: "Context of the docker command. unitwatch then reaches the engine by that command.",
  },
];

export const OTEL_VARIABLES: readonly Entry[] = [
  {
    names: ["OTEL_EXPORTER_OTLP_ENDPOINT"],
    text: "Endpoint to send to: http:// or https://, without a user; for gRPC also host:port. Setting it turns export on.",
  },
  {
    names: ["OTEL_EXPORTER_OTLP_PROTOCOL"],
    text: "http/protobuf (the default), http/json or grpc.",
  },
  {
    names: ["OTEL_EXPORTER_OTLP_HEADERS"],
    text: "Headers of each request, such as a token: name=value, separated by commas, values percent-encoded.",
  },
  {
    names: ["OTEL_EXPORTER_OTLP_TIMEOUT"],
    text: "Time limit of a request in milliseconds. Default: 10000; 0 means no limit.",
  },
  { names: ["OTEL_EXPORTER_OTLP_COMPRESSION"], text: "gzip or none (the default)." },
  {
    names: ["OTEL_EXPORTER_OTLP_INSECURE"],
    text: "true turns TLS off for a gRPC endpoint without a scheme. Default: false.",
  },
  {
    names: [
      "OTEL_EXPORTER_OTLP_CERTIFICATE",
      "OTEL_EXPORTER_OTLP_CLIENT_KEY",
      "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    ],
    text: "PEM files: the authority to trust, and the client's key and certificate.",
  },
  {
    names: ["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"],
    text: "cumulative (the default), delta or lowmemory.",
  },
  {
    names: ["OTEL_METRIC_EXPORT_INTERVAL"],
    text: "Milliseconds from one push of metrics to the next, if --otlp.interval is not set.",
  },
  {
    names: ["OTEL_METRIC_EXPORT_TIMEOUT"],
    text: "Time limit of a push of metrics in milliseconds; at most the interval.",
  },
  { names: ["OTEL_SERVICE_NAME"], text: "service.name of the resource. Default: unitwatch" },
  {
    names: ["OTEL_RESOURCE_ATTRIBUTES"],
    text: "Further attributes of the resource: name=value, separated by commas, values percent-encoded.",
  },
  { names: ["OTEL_SDK_DISABLED"], text: "true turns all export off." },
];

export const SERVICE_VARIABLES: readonly Entry[] = [
  {
    names: ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"],
    text: "Set by systemd for a service of Type=notify. unitwatch reports readiness, liveness and its end by systemd-notify; the unit needs NotifyAccess=all.",
  },
];

export const FILES: readonly Entry[] = [
  {
    names: ["data/unitwatch.sqlite"],
    text: "In the folder of --storage.path: the queue of log records and the resume point. One process at a time uses it. unitwatch renames a damaged file to unitwatch.sqlite.damaged-* and never deletes it.",
  },
  {
    names: ["data/instance-id"],
    text: "In the same folder: the service.instance.id of the OTLP resource.",
  },
  {
    names: ["/var/run/docker.sock"],
    text: "Default socket of the engine.",
  },
  {
    names: ["~/.docker/ca.pem", "~/.docker/cert.pem", "~/.docker/key.pem"],
    text: "TLS with an engine at tcp://, if DOCKER_TLS_VERIFY is set and DOCKER_CERT_PATH is not.",
  },
];

export const SIGNALS: readonly Entry[] = [
  {
    names: ["SIGTERM", "SIGINT"],
    text: "Ends it. It tries for 3 s to send queued records, and keeps the rest for the next process. No process stays in any container. A second such signal ends it at once.",
  },
  {
    names: ["SIGKILL"],
    text: "Leaves no process in any container either. The next process resumes where this one ended.",
  },
  {
    names: ["SIGHUP"],
    text: "Ends it, as by default. unitwatch reads --web.config.file and certificates again when they change, without a signal.",
  },
];

export const EXIT_CODES: readonly Entry[] = [
  {
    names: ["0"],
    text: "SIGTERM or SIGINT ended it, or it printed the requested text.",
  },
  {
    names: ["1"],
    text: "A required resource is unavailable, such as an address to listen on; the last line of the log names it.",
  },
  {
    names: ["2"],
    text: "A flag, a variable or the file of --web.config.file is invalid, or Node.js is too old; one line on stderr names it.",
  },
  { names: ["128+N"], text: "Signal N ended it at once: 130 for a second SIGINT." },
];

export const EXAMPLES = [
  { what: "Watch the engine of this host:", line: "unitwatch" },
  {
    what: "Watch one cluster, listen on the loopback interface only, and send log records and metrics to a collector:",
    line: "OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 \\\n    unitwatch --watch.cluster=dev --web.listen-address=127.0.0.1:10558",
  },
  {
    what: "Check a configuration:",
    line: "unitwatch --web.config.file=web.yml --check-config",
  },
  {
    what: "List the containers whose systemd is watched:",
    line: "curl -s localhost:10558/metrics | grep '^unitwatch_systemd_up'",
  },
] as const;
