import { resolve } from "node:path";
import { FLAGS } from "../config/flags.ts";
import type { OtlpSignalConfig } from "../config/otlp.ts";
import type { ContainerRuntime } from "../domain/runtime.ts";
import { rfc3339 } from "../page/rfc3339.ts";
import type { Store } from "../storage/store.ts";
import type { AppContext } from "./context.ts";

/** Says in the log what the program is set up to do, one line a fact. No secret is in them. */
export function logSetup(
  context: Pick<AppContext, "config" | "log" | "web">,
  built: {
    readonly runtime: Pick<ContainerRuntime, "kind" | "where">;
    readonly store: Pick<Store, "folder" | "queue" | "restored">;
  },
): void {
  const { config } = context;
  logEngine(context, built.runtime);
  logWatch(context);
  logStore(context, built.store);
  if (config.otlp.logs === undefined && config.otlp.metrics === undefined) {
    context.log.info("nothing is sent over OTLP");
  }
  logSignal(context, "log records are sent over OTLP", config.otlp.logs);
  logSignal(context, "metrics are sent over OTLP", config.otlp.metrics, {
    interval_seconds: config.otlp.metricPush.intervalMs / 1_000,
    temporality: config.otlp.metricPush.temporality,
  });
  logAccess(context);
}

type Told = Pick<AppContext, "config" | "log">;

function logEngine(
  { config, log }: Told,
  { kind, where }: Pick<ContainerRuntime, "kind" | "where">,
) {
  const { command, context, tlsPath } = config.docker;
  const isCli = kind === "cli";
  log.info("engine to watch", {
    runtime: kind,
    command: isCli ? command : undefined,
    host: where,
    context: isCli && where === undefined ? context : undefined,
    tls: where?.startsWith("tcp:") === true ? tlsPath !== undefined : undefined,
  });
}

function logWatch({ config, log }: Told): void {
  const { filters } = config.watch;
  log.info("containers to watch", {
    filters: filters.length === 0 ? "none" : filters.join(", "),
    node_name_prefix: config.node.namePrefix,
  });
  const { transport, unitInclude, unitExclude } = config.systemd;
  const isOff = transport === "off";
  log.info("systemd to watch", {
    transport,
    unit_include: isOff ? undefined : unlessDefault("unitInclude", unitInclude),
    unit_exclude: isOff ? undefined : unlessDefault("unitExclude", unitExclude),
  });
}

/** The pattern as it was given; undefined where it is the default. */
function unlessDefault(key: "unitInclude" | "unitExclude", { source }: RegExp): string | undefined {
  return source === FLAGS[key].read([]).source
    ? undefined
    : source.replace(/^\^\(\?:(.*)\)\$$/s, "$1");
}

function logStore(
  { config, log }: Told,
  { folder, queue, restored }: Pick<Store, "folder" | "queue" | "restored">,
) {
  const records = queue?.state.records;
  if (folder !== undefined) {
    log.info("storage", {
      path: resolve(folder),
      durable: true,
      records,
      containers: restored?.containers.length ?? 0,
      resume_from:
        restored === undefined ? undefined : (rfc3339(restored.cursor.lastNs) ?? undefined),
    });
  } else if (config.storage.path === undefined) {
    log.info("storage", { durable: false });
  }
}

/** Its origin alone: what follows can be a token. */
function logSignal(
  { log }: Told,
  message: string,
  signal: OtlpSignalConfig | undefined,
  more: Readonly<Record<string, string | number>> = {},
): void {
  if (signal === undefined) return;
  const { url, protocol, compression } = signal;
  log.info(message, { endpoint: new URL(url).origin, protocol, compression, ...more });
}

function logAccess({ config, log, web }: Pick<AppContext, "config" | "log" | "web">): void {
  const current = web?.current;
  const clientAuth = current?.tls?.clientAuth;
  log.info("web access", {
    tls: current?.tls !== undefined,
    client_auth: clientAuth === "NoClientCert" ? undefined : clientAuth,
    users: current === undefined ? 0 : current.users.size,
    file: config.web.configFile === undefined ? undefined : resolve(config.web.configFile),
  });
}
