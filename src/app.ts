import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { basename } from "node:path";
import { BUILD_INFO } from "./config/build-info.ts";
import type { Config } from "./config/config.ts";
import { asError } from "./domain/as-error.ts";
import type { Change } from "./domain/change.ts";
import type { Clock } from "./domain/clock.ts";
import type { Logger } from "./domain/log.ts";
import type { ContainerRuntime } from "./domain/runtime.ts";
import { createHttpServer } from "./http/http-server.ts";
import { logRecordOf } from "./logs/log-record.ts";
import { isQuiet } from "./logs/severity.ts";
import { STATE_METRICS } from "./metrics/catalogue.ts";
import { negotiateFormat } from "./metrics/negotiate.ts";
import { OwnMetrics } from "./metrics/own-metrics.ts";
import { Scraper } from "./metrics/scrape.ts";
import type { LogSink } from "./otlp/log-sink.ts";
import { openRuntime } from "./runtime/open-runtime.ts";
import { DockerEngineSource } from "./sources/docker-engine.ts";
import { identifier } from "./sources/identity.ts";
import { systemdSource } from "./sources/systemd-source.ts";
import { Fleet } from "./state/fleet.ts";
import { SeriesBudget } from "./state/series-budget.ts";
import { unitAdmission } from "./state/unit-admission.ts";
import { openResumeStore } from "./storage/resume-store.ts";
import type { ResumeStore } from "./storage/resume-store.ts";
import { EngineWatch } from "./watch/engine-watch.ts";
import { every } from "./watch/every.ts";
import { Hub } from "./watch/hub.ts";
import { SystemdWatches } from "./watch/systemd-watches.ts";

export interface AppContext {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborts to end the program. */
  readonly signal: AbortSignal;
}

/** How long the records that wait are given when the program ends. */
const FLUSH_MS = 2_000;
const SWEEP_MS = 10_000;

/**
 * The whole program: builds everything, connects it, runs it until the signal aborts, and takes it
 * down in reverse.
 *
 * @throws where an address can't be listened on, or a file that is named can't be read
 */
export async function runApp(context: AppContext): Promise<void> {
  const { config, clock, log, signal } = context;
  const hub = new Hub();
  await using stack = new AsyncDisposableStack();

  const series = new SeriesBudget(config.metrics.seriesLimit);
  const fleet = new Fleet({
    events: { changed: hub.publish, refused: (what) => own.dropped(what) },
    admission: unitAdmission(config.systemd.unitInclude, config.systemd.unitExclude, series),
    identify: identifier(config.node.namePrefix, runtimeName(config)),
  });
  const { filters } = config.watch;
  const runtime = await openRuntime({ ...config.docker, filters, clock });
  const resume = await openResumeStore({
    path: config.storage.path,
    scope: JSON.stringify([config.docker.host, config.docker.context, filters]),
    clock,
    log,
    cursor: () => engine.watch.resume(),
    container: (id) => fleet.get(id)?.resume(),
  });
  stack.use(resume);
  if (resume.restored !== undefined) fleet.restore(resume.restored.containers);
  const engine = buildEngineWatch(context, runtime, { fleet, hub, resume });
  const own = new OwnMetrics({
    ...BUILD_INFO,
    engineUp: () => engine.watch.up,
    engineReconnects: () => engine.watch.reconnects,
    series: () => scraper.samples,
    seriesRefused: () => series.refused,
  });
  engine.parseErrors.tell = (source) => own.parseError(source);

  const scraper = new Scraper(fleet, STATE_METRICS, own.registry);
  const sweep = (): void => {
    fleet.forgetDestroyed(clock.nowNs() - BigInt(config.metrics.retentionMs) * 1_000_000n);
  };
  stack.use(every(SWEEP_MS, clock, sweep));

  const sink = await openLogs(context, own);
  if (sink !== undefined) stack.defer(() => closeWithin(FLUSH_MS, sink, context));

  hub.listen((change) => own.changed(change, clock.nowNs()));
  hub.listen((change) => logChange(change, log));
  hub.listen(({ identity }) => identity !== undefined && resume.touch(identity.id));
  if (sink !== undefined) hub.listen(exportTo(sink, context));

  const http = createHttpServer({
    telemetryPath: config.web.telemetryPath,
    metrics: (accept) => {
      sweep();
      return scraper.scrape(negotiateFormat(accept));
    },
    ready: () => engine.watch.listed,
    facts: () => factsOf(fleet, engine.watch),
    log,
    clock,
    version: BUILD_INFO.version,
  });
  stack.defer(() => http.close());
  await http.listen(config.web.listenAddresses);

  stack.defer(() => engine.systemd.stopAll());
  await engine.watch.run(signal);
  log.info("shutting down");
}

interface WatchedEngine {
  readonly watch: EngineWatch;
  readonly systemd: SystemdWatches;
  /** Who counts what can't be read; set once that is built. */
  readonly parseErrors: { tell: (source: "docker" | "systemd") => void };
}

function buildEngineWatch(
  context: AppContext,
  runtime: ContainerRuntime,
  told: { readonly fleet: Fleet; readonly hub: Hub; readonly resume: ResumeStore },
): WatchedEngine {
  const { config, clock, log } = context;
  const { fleet, hub, resume } = told;
  const parseErrors: WatchedEngine["parseErrors"] = { tell: () => {} };
  const systemd = new SystemdWatches({
    clock,
    log,
    changed: hub.publish,
    parseError: () => parseErrors.tell("systemd"),
    sourceOf: (record) =>
      systemdSource(config.systemd.transport, { runtime, clock, container: record.identity.id }),
  });
  const watch = new EngineWatch({
    source: new DockerEngineSource(
      runtime,
      identifier(config.node.namePrefix, runtimeName(config)),
      config.watch.filters,
    ),
    fleet,
    clock,
    log,
    resume: resume.restored?.cursor,
    touched: (record) => {
      systemd.sync(record);
      resume.touch(record.identity.id);
    },
    settled: () => resume.flush(),
    changed: hub.publish,
    parseError: () => parseErrors.tell("docker"),
  });
  return { watch, systemd, parseErrors };
}

function runtimeName(config: Config): string {
  return basename(config.docker.command).startsWith("podman") ? "podman" : "docker";
}

async function openLogs(context: AppContext, own: OwnMetrics): Promise<LogSink | undefined> {
  const { config, log } = context;
  const endpoint = config.otlp.logs;
  if (endpoint === undefined) return undefined;
  // The OpenTelemetry SDK costs memory and start-up time: it is loaded where it is needed.
  const { openLogPipeline } = await import("./otlp/log-pipeline.ts");
  return openLogPipeline({
    endpoint,
    resource: {
      ...Object.fromEntries(config.otlp.resourceAttributes),
      "service.name": config.otlp.serviceName,
      "service.version": BUILD_INFO.version,
      "host.name": hostname(),
    },
    version: BUILD_INFO.version,
    exported: (count) => own.exported("logs", count),
    failed: (error, count) => {
      own.exportFailed("logs", "export");
      own.dropped("otlp_export", count);
      log.limited("otlp").warn("log records were not taken", { err: error, records: count });
    },
    dropped: (count) => own.dropped("otlp_queue", count),
  });
}

function exportTo(sink: LogSink, context: AppContext): (change: Change) => void {
  const { config, clock } = context;
  const everything = config.log.level === "debug";
  const instance = randomUUID();
  return (change) => {
    if (isQuiet(change) && !everything) return;
    sink.emit(logRecordOf(change, { observedNs: clock.nowNs(), instance }));
  };
}

/** What concerns the watch itself is for the log; what happens in containers only below debug. */
function logChange(change: Change, log: Logger): void {
  const fields = { container: change.container || undefined, detail: change.detail };
  switch (change.kind) {
    case "monitor.error":
      log.error("cannot watch", fields);
      break;
    case "monitor.lost":
      log.warn("watch lost", fields);
      break;
    case "monitor.recovered":
      log.info("watch is back", fields);
      break;
    default:
      log.debug(change.kind, { ...fields, unit: change.unit || undefined });
  }
}

function factsOf(fleet: Fleet, watch: EngineWatch): readonly (readonly [string, string])[] {
  let alive = 0;
  let watched = 0;
  let failed = 0;
  for (const record of fleet.containers()) {
    if (!record.alive) continue;
    alive += 1;
    if (record.systemd.up) watched += 1;
    failed += record.systemd.units.counts().get("failed") ?? 0;
  }
  return [
    ["Container engine", watch.up ? "watched" : "can't be reached"],
    ["Running containers", String(alive)],
    ["of which systemd is watched in", String(watched)],
    ["Failed units", String(failed)],
  ];
}

/** Sends what waits, as far as that goes in the time. */
async function closeWithin(limitMs: number, sink: LogSink, context: AppContext): Promise<void> {
  const { clock, log } = context;
  const done = new AbortController();
  const closed = sink
    .close()
    .catch((error: unknown) => log.warn("log records were left behind", { err: asError(error) }));
  const limit = clock.sleep(limitMs, done.signal).then(
    () => log.warn("the log endpoint didn't answer in time", { limit_ms: limitMs }),
    () => {},
  );
  await Promise.race([closed, limit]);
  done.abort();
}
