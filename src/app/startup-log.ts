import { resolve } from "node:path";
import type { Config } from "../config/config.ts";
import { FLAGS } from "../config/flags.ts";
import type { OtlpSignalConfig } from "../config/otlp.ts";
import type { Clock } from "../domain/clock.ts";
import type { Logger } from "../domain/log.ts";
import type { ContainerRuntime } from "../domain/runtime.ts";
import type { WebSettings } from "../http/web-config/web-settings.ts";
import { rfc3339 } from "../page/rfc3339.ts";
import type { ContainerRecord } from "../state/containers/container-record.ts";
import type { Fleet } from "../state/fleet.ts";
import type { Store } from "../storage/store.ts";

export interface SetupLogOptions {
  readonly config: Config;
  readonly runtime: Pick<ContainerRuntime, "kind" | "where" | "chosen">;
  readonly store: Pick<Store, "folder" | "queue" | "restored">;
  readonly web: Pick<WebSettings, "current"> | undefined;
  readonly log: Logger;
}

type ConfigLog = Pick<SetupLogOptions, "config" | "log">;

/** Logs the configuration in effect, one line a subject, without secrets. */
export function logSetup({ config, runtime, store, web, log }: SetupLogOptions): void {
  logEngine({ config, log }, runtime);
  logWatch({ config, log });
  logStore({ config, log }, store);
  if (config.otlp.logs === undefined && config.otlp.metrics === undefined) {
    log.info("OTLP export disabled");
  }
  logSignal(log, "OTLP log export enabled", config.otlp.logs);
  logSignal(log, "OTLP metric export enabled", config.otlp.metrics, {
    interval_seconds: config.otlp.metricPush.intervalMs / 1_000,
    temporality: config.otlp.metricPush.temporality,
  });
  warnOfDeltas({ config, log });
  logAccess({ config, log }, web);
}

/** Matches the path of Prometheus's OTLP receiver, also below a prefix. */
const PROMETHEUS_PATH = /\/api\/v1\/otlp\/v1\/metrics\/?$/;

/** Prometheus up to 3.6 accepts pushes of changes and drops what is in them; newer ones answer 500. */
function warnOfDeltas({ config, log }: ConfigLog): void {
  const { metrics, metricPush } = config.otlp;
  if (metrics === undefined || metricPush.temporality === "cumulative") return;
  const { origin, pathname } = new URL(metrics.url);
  if (!PROMETHEUS_PATH.test(pathname)) return;
  const { temporality } = metricPush;
  log.warn("metrics endpoint accepts cumulative sums only", { endpoint: origin, temporality });
}

function logEngine(
  { config, log }: ConfigLog,
  { kind, where, chosen }: Pick<ContainerRuntime, "kind" | "where" | "chosen">,
) {
  const { command, context, tlsPath } = config.docker;
  const isCli = kind === "cli";
  log.info("engine settings", {
    runtime: kind,
    chosen,
    command: isCli ? command : undefined,
    host: where,
    context: isCli && where === undefined ? context : undefined,
    tls: where?.startsWith("tcp:") === true ? tlsPath !== undefined : undefined,
  });
}

function logWatch({ config, log }: ConfigLog): void {
  const { filters } = config.watch;
  log.info("container settings", {
    filters: filters.length === 0 ? "none" : filters.join(", "),
    node_name_prefix: config.node.namePrefix,
  });
  const { transport, host, unitInclude, unitExclude } = config.systemd;
  const isOff = transport === "off" && !host;
  log.info("systemd settings", {
    transport,
    host: host ? true : undefined,
    unit_include: isOff ? undefined : unlessDefault("unitInclude", unitInclude),
    unit_exclude: isOff ? undefined : unlessDefault("unitExclude", unitExclude),
  });
}

/** Returns the pattern as configured, without its anchors; undefined if it is the default. */
function unlessDefault(key: "unitInclude" | "unitExclude", { source }: RegExp): string | undefined {
  return source === FLAGS[key].read([]).source
    ? undefined
    : source.replace(/^\^\(\?:(.*)\)\$$/s, "$1");
}

function logStore(
  { config, log }: ConfigLog,
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

/** Logs the origin of the URL alone: a path or query can hold a token. */
function logSignal(
  log: Logger,
  message: string,
  signal: OtlpSignalConfig | undefined,
  more: Readonly<Record<string, string | number>> = {},
): void {
  if (signal === undefined) return;
  const { url, protocol, compression } = signal;
  log.info(message, { endpoint: new URL(url).origin, protocol, compression, ...more });
}

function logAccess({ config, log }: ConfigLog, web: SetupLogOptions["web"]): void {
  const current = web?.current;
  const clientAuth = current?.tls?.clientAuth;
  log.info("web access", {
    tls: current?.tls !== undefined,
    client_auth: clientAuth === "NoClientCert" ? undefined : clientAuth,
    users: current === undefined ? 0 : current.users.size,
    file: config.web.configFile === undefined ? undefined : resolve(config.web.configFile),
  });
}

/** How long after the first listing the nodes that are not watched yet are logged. */
const NODES_LIMIT_MS = 30_000;

export interface StartupLogOptions {
  readonly fleet: Pick<Fleet, "containers" | "nodes">;
  readonly runtime: Pick<ContainerRuntime, "kind" | "engine" | "versions">;
  /** False if no systemd is to be watched. */
  readonly watchesSystemd: boolean;
  /** When the process started: monotonic milliseconds. */
  readonly sinceMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Logs the progress of the start: the engine, the first listing, and the systemd watch of all nodes,
 * including those that start meanwhile.
 */
export class StartupLog implements Disposable {
  readonly #options: StartupLogOptions;
  /** Ids of nodes that are not watched yet; undefined before the first listing and after the last line. */
  #awaited: Set<string> | undefined;
  #isListed = false;
  #isHostLogged = false;
  #limit: Disposable | undefined;
  /** Engine and versions of the last line, as JSON. */
  #engine = "";

  constructor(options: StartupLogOptions) {
    this.#options = options;
  }

  /** Logs after a complete listing; after the first one, only an engine that has changed. */
  listed(): void {
    this.#logEngine();
    if (this.#isListed) return;
    this.#isListed = true;
    const { log, clock } = this.#options;
    const nodes = this.#nodes();
    const containers = [...this.#options.fleet.containers()].filter(exists).length;
    log.info("ready", { containers, nodes: nodes.length, seconds: this.#seconds() });
    if (nodes.length === 0) return;
    const awaited = nodes.filter(({ systemd }) => !systemd.up).map(({ identity }) => identity.id);
    this.#awaited = new Set(awaited);
    this.#limit = clock.setTimeout(() => this.#logNodes(), NODES_LIMIT_MS);
    if (awaited.length === 0) this.#logNodes();
  }

  /** Checks the container after its state was read. */
  stateRead(record: ContainerRecord): void {
    const { id, isHost } = record.identity;
    if (isHost === true && record.systemd.up) this.#logHost(record);
    if (isNode(record) && !record.systemd.up) this.#awaited?.add(id);
    else if (this.#awaited?.delete(id) === true && this.#awaited.size === 0) this.#logNodes();
  }

  [Symbol.dispose](): void {
    this.#limit?.[Symbol.dispose]();
    this.#awaited = undefined;
  }

  #logEngine(): void {
    const { kind, engine, versions } = this.#options.runtime;
    const fields = { engine, version: versions?.engine, api: versions?.api };
    const text = JSON.stringify(fields);
    if (text === this.#engine) return;
    this.#engine = text;
    if (kind === "proc") this.#options.log.info("watching the containers of this host");
    else this.#options.log.info("connected to container engine", fields);
  }

  #logHost({ identity, systemd }: ContainerRecord): void {
    if (this.#isHostLogged) return;
    this.#isHostLogged = true;
    const units = unitCount(systemd.units.counts());
    this.#options.log.info("host watched", {
      host: identity.name,
      units,
      seconds: this.#seconds(),
    });
  }

  #logNodes(): void {
    this[Symbol.dispose]();
    const nodes = this.#nodes();
    const watched = nodes.filter(({ systemd }) => systemd.up);
    const units = watched.reduce((sum, { systemd }) => sum + unitCount(systemd.units.counts()), 0);
    const counts = {
      nodes: nodes.length,
      watched: watched.length,
      units,
      seconds: this.#seconds(),
    };
    const { log } = this.#options;
    if (watched.length === nodes.length) log.info("all nodes watched", counts);
    else log.warn("some nodes not watched yet", counts);
  }

  #nodes(): readonly ContainerRecord[] {
    if (!this.#options.watchesSystemd) return [];
    return [...this.#options.fleet.nodes()].filter(isNode);
  }

  #seconds(): number {
    const { clock, sinceMs } = this.#options;
    return Math.round(clock.monotonicMs() - sinceMs) / 1_000;
  }
}

function exists(record: ContainerRecord): boolean {
  return record.destroyedAtNs === undefined;
}

/** True if the container runs systemd, which is watched then. */
function isNode(record: ContainerRecord): boolean {
  return exists(record) && record.alive && record.runsSystemd === true;
}

function unitCount(counts: ReadonlyMap<string, number>): number {
  return counts.values().reduce((sum, count) => sum + count, 0);
}
