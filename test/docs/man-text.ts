/** Names, and what is said of them. */
export interface Entry {
  readonly names: readonly string[];
  readonly text: string;
}

export const DESCRIPTION = [
  "unitwatch watches one container engine: every container, and the systemd units inside each container that runs systemd. State changes arrive as events, never by polling. They become Prometheus metrics, OpenTelemetry log records and metrics over OTLP, and a live status page.",
  "Without a command it is that sidecar, and runs until it is ended. It listens on port 10558: / is the status page, /metrics is for Prometheus, /api/v1/state tells what is true now, /api/v1/events what happens, /-/healthy that it serves, and /-/ready that the engine was listed.",
  "It needs the engine's socket. Whoever can write to that can become root on the host. Ordinary containers are never entered; in those that run systemd it starts systemd-stdio-bridge, or busctl, and journalctl after a gap, and leaves nothing behind.",
  "The log goes to stderr, one line an entry. At the start it says, one line a fact, what is watched and how, where things are stored and sent, who may ask, and when it is ready.",
] as const;

export const ENGINE_VARIABLES: readonly Entry[] = [
  {
    names: ["DOCKER_HOST"],
    text: "The engine, where neither --docker.host nor its variable says.",
  },
  {
    names: ["DOCKER_TLS_VERIFY"],
    text: "Set to anything, TLS is spoken with an engine at tcp://.",
  },
  {
    names: ["DOCKER_CERT_PATH"],
    text: "Folder of ca.pem, cert.pem and key.pem for that. Default: ~/.docker",
  },
  {
    names: ["DOCKER_CONTEXT"],
    text: "A context of the docker command, by which the engine is then reached.",
  },
];

export const OTEL_VARIABLES: readonly Entry[] = [
  {
    names: ["OTEL_EXPORTER_OTLP_ENDPOINT"],
    text: "Where to send: http:// or https://, without a user. Setting it turns sending on.",
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
    text: "Milliseconds that a request may take. Default: 10000; 0 is no limit.",
  },
  { names: ["OTEL_EXPORTER_OTLP_COMPRESSION"], text: "gzip or none (the default)." },
  {
    names: ["OTEL_EXPORTER_OTLP_INSECURE"],
    text: "true has gRPC to an endpoint without a scheme go without TLS. Default: false.",
  },
  {
    names: [
      "OTEL_EXPORTER_OTLP_CERTIFICATE",
      "OTEL_EXPORTER_OTLP_CLIENT_KEY",
      "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    ],
    text: "Files in PEM: whom to trust, and a client certificate with its key.",
  },
  {
    names: ["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"],
    text: "cumulative (the default), delta or lowmemory.",
  },
  {
    names: ["OTEL_METRIC_EXPORT_INTERVAL"],
    text: "Milliseconds from one push of metrics to the next, where --otlp.interval doesn't say.",
  },
  {
    names: ["OTEL_METRIC_EXPORT_TIMEOUT"],
    text: "Milliseconds that a push of metrics may take, at most the interval.",
  },
  { names: ["OTEL_SERVICE_NAME"], text: "The resource's service.name. Default: unitwatch" },
  {
    names: ["OTEL_RESOURCE_ATTRIBUTES"],
    text: "More attributes of the resource: name=value, separated by commas, values percent-encoded.",
  },
  { names: ["OTEL_SDK_DISABLED"], text: "true turns all sending off." },
];

export const SERVICE_VARIABLES: readonly Entry[] = [
  {
    names: ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"],
    text: "Set by systemd for a service of Type=notify, which is told by systemd-notify of readiness, of life and of the end; it needs NotifyAccess=all.",
  },
];

export const FILES: readonly Entry[] = [
  {
    names: ["data/unitwatch.sqlite"],
    text: "In the folder of --storage.path: the queue of log records, and where the next process goes on. One process at a time uses it. One that is damaged is set aside as unitwatch.sqlite.damaged-*, and never deleted.",
  },
  {
    names: ["data/instance-id"],
    text: "In the same folder: the service.instance.id of what is sent over OTLP.",
  },
  {
    names: ["/var/run/docker.sock"],
    text: "The engine's socket, where nothing else is said.",
  },
  {
    names: ["~/.docker/ca.pem", "~/.docker/cert.pem", "~/.docker/key.pem"],
    text: "TLS with an engine at tcp://, where DOCKER_TLS_VERIFY is set, and DOCKER_CERT_PATH isn't.",
  },
];

export const SIGNALS: readonly Entry[] = [
  {
    names: ["SIGTERM", "SIGINT"],
    text: "Ends it: what waits for an OTLP endpoint is given 3 s, and is kept for the next process; nothing is left in any container. The second of these signals ends it at once.",
  },
  {
    names: ["SIGKILL"],
    text: "Leaves nothing in the containers either, and the next process goes on where this one was.",
  },
  {
    names: ["SIGHUP"],
    text: "Isn't used: the file of --web.config.file and certificates are read again when they change. It ends unitwatch, as it does by default.",
  },
];

export const EXIT_CODES: readonly Entry[] = [
  {
    names: ["0"],
    text: "It was ended by SIGTERM or SIGINT, or has printed what it was asked for.",
  },
  {
    names: ["1"],
    text: "Something that it needs can't be had, such as an address to listen on; the last line of the log says what.",
  },
  {
    names: ["2"],
    text: "A flag, a variable or the file of --web.config.file is wrong; one line on stderr names it.",
  },
  { names: ["128+N"], text: "Signal N ended it at once: 130 for a second SIGINT." },
];

export const EXAMPLES = [
  { what: "Watch the engine of this host:", line: "unitwatch" },
  {
    what: "Watch one cluster, on the loopback interface alone, and send log records and metrics to a collector:",
    line: "OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 \\\n    unitwatch --watch.cluster=dev --web.listen-address=127.0.0.1:10558",
  },
  {
    what: "Try a configuration before it is used:",
    line: "unitwatch --web.config.file=web.yml --check-config",
  },
  {
    what: "See what is watched:",
    line: "curl -s localhost:10558/metrics | grep '^unitwatch_systemd_up'",
  },
] as const;
