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
  readonly runtime: Pick<ContainerRuntime, "kind" | "where">;
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
    log.info("nothing is sent over OTLP");
  }
  logSignal(log, "log records are sent over OTLP", config.otlp.logs);
  logSignal(log, "metrics are sent over OTLP", config.otlp.metrics, {
    interval_seconds: config.otlp.metricPush.intervalMs / 1_000,
    temporality: config.otlp.metricPush.temporality,
  });
  logAccess({ config, log }, web);
}

function logEngine(
  { config, log }: ConfigLog,
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

function logWatch({ config, log }: ConfigLog): void {
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

/** Its origin alone: what follows can be a token. */
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

/** How long nodes are waited for until those that aren't watched are told of. */
const PATIENCE_MS = 30_000;

export interface StartupLogOptions {
  readonly fleet: Pick<Fleet, "containers">;
  readonly runtime: Pick<ContainerRuntime, "engine" | "versions">;
  /** False if no systemd is to be watched. */
  readonly watchesSystemd: boolean;
  /** When the process started: monotonic milliseconds. */
  readonly sinceMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Says in the log how far the start has come: which engine answers, that everything is listed, and
 * that systemd is watched in each node, those included that came meanwhile.
 */
export class StartupLog implements Disposable {
  readonly #options: StartupLogOptions;
  /** Ids of nodes that aren't watched yet; undefined before the listing, and when all was told. */
  #awaited: Set<string> | undefined;
  #isListed = false;
  #limit: Disposable | undefined;
  #engine = "";

  constructor(options: StartupLogOptions) {
    this.#options = options;
  }

  /** A complete listing was folded in. Once more tells of nothing but another engine. */
  listed(): void {
    this.#tellEngine();
    if (this.#isListed) return;
    this.#isListed = true;
    const { log, clock } = this.#options;
    const nodes = this.#nodes();
    const containers = [...this.#options.fleet.containers()].filter(isThere).length;
    log.info("ready", { containers, nodes: nodes.length, seconds: this.#seconds() });
    if (nodes.length === 0) return;
    const awaited = nodes.filter(({ systemd }) => !systemd.up).map(({ identity }) => identity.id);
    this.#awaited = new Set(awaited);
    this.#limit = clock.setTimeout(() => this.#tellNodes(), PATIENCE_MS);
    if (awaited.length === 0) this.#tellNodes();
  }

  /** Something of the container, or of its systemd, was read. */
  stateRead(record: ContainerRecord): void {
    const { id } = record.identity;
    if (isNode(record) && !record.systemd.up) this.#awaited?.add(id);
    else if (this.#awaited?.delete(id) === true && this.#awaited.size === 0) this.#tellNodes();
  }

  [Symbol.dispose](): void {
    this.#limit?.[Symbol.dispose]();
    this.#awaited = undefined;
  }

  #tellEngine(): void {
    const { engine, versions } = this.#options.runtime;
    const told = { engine, version: versions?.engine, api: versions?.api };
    const text = JSON.stringify(told);
    if (text === this.#engine) return;
    this.#engine = text;
    this.#options.log.info("the engine answers", told);
  }

  #tellNodes(): void {
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
    if (watched.length === nodes.length) log.info("all nodes are watched", counts);
    else log.warn("not all nodes are watched yet", counts);
  }

  #nodes(): readonly ContainerRecord[] {
    if (!this.#options.watchesSystemd) return [];
    return [...this.#options.fleet.containers()].filter(isNode);
  }

  #seconds(): number {
    const { clock, sinceMs } = this.#options;
    return Math.round(clock.monotonicMs() - sinceMs) / 1_000;
  }
}

function isThere(record: ContainerRecord): boolean {
  return record.destroyedAtNs === undefined;
}

/** True for a container whose systemd is to be watched. */
function isNode(record: ContainerRecord): boolean {
  return isThere(record) && record.alive && record.runsSystemd === true;
}

function unitCount(counts: ReadonlyMap<string, number>): number {
  return counts.values().reduce((sum, count) => sum + count, 0);
}
