import { logChange } from "./change-log.ts";
import type { AppContext } from "./context.ts";
import { buildEngineWatch } from "./engine.ts";
import { closeLogs, exportTo, openLogs, queueDropped } from "./logs.ts";
import { pushMetrics } from "./metrics.ts";
import { openServiceNotifier } from "./service-manager.ts";
import { logSetup } from "./setup-log.ts";
import { StartLog } from "./start-log.ts";
import { buildStatus } from "./status.ts";
import { BUILD_INFO } from "../config/build-info.ts";
import { createHttpServer } from "../http/server.ts";
import { shownMetrics } from "../metrics/catalogue.ts";
import { negotiateFormat } from "../http/handlers/negotiate.ts";
import { OwnMetrics } from "../metrics/own-metrics.ts";
import { Scraper } from "../metrics/scrape.ts";
import type { HeapGrowth } from "../platform/process/heap-growth.ts";
import { openRuntime } from "../engine/open-runtime.ts";
import { identifier } from "../engine/format/identity.ts";
import { Fleet } from "../state/fleet.ts";
import { SeriesBudget } from "../state/units/series-budget.ts";
import { unitAdmission } from "../state/units/unit-admission.ts";
import { openStore } from "../storage/store.ts";
import { every } from "../platform/time/every.ts";
import { Hub } from "../state/hub.ts";

const SWEEP_MS = 10_000;

/**
 * The whole program: builds everything, connects it, runs it until the signal aborts, and takes it
 * down in reverse.
 *
 * @param heap told how many containers there are
 * @throws where an address can't be listened on, or a file that is named can't be read
 */
export async function runApp(context: AppContext, heap: HeapGrowth): Promise<void> {
  const { config, clock, log, signal } = context;
  const hub = new Hub();
  await using stack = new AsyncDisposableStack();
  const service = stack.use(openServiceNotifier(context));

  const { filters } = config.watch;
  const runtime = await openRuntime({ ...config.docker, filters, clock });
  const series = new SeriesBudget(config.metrics.seriesLimit, () => clock.nowNs());
  const fleet = new Fleet({
    events: { changed: hub.publish, refused: (what) => own.dropped(what) },
    admission: unitAdmission(config.systemd.unitInclude, config.systemd.unitExclude, series),
    identify: identifier(config.node.namePrefix, () => runtime.engine),
  });
  const store = await openStore({
    path: config.storage.path,
    scope: JSON.stringify([config.docker.host, config.docker.context, filters]),
    clock,
    log,
    cursor: () => engine.watch.resume(),
    container: (id) => fleet.get(id)?.resume(),
    ...(config.otlp.logs === undefined
      ? {}
      : {
          queue: { maxBytes: config.storage.queueBytes, dropped: queueDropped(context, () => own) },
        }),
  });
  stack.use(store);
  const { queue } = store;
  if (store.restored !== undefined) fleet.restore(store.restored.containers);
  logSetup(context, { runtime, store });
  const startLog = stack.use(new StartLog(context, { fleet, runtime }));
  const engine = buildEngineWatch(context, runtime, {
    fleet,
    changed: hub.publish,
    touched: (record) => store.touch(record.identity.id),
    listed: () => {
      heap.fitTo(fleet.size);
      void store.flush();
      startLog.listed();
      service.ready();
    },
    resume: store.restored?.cursor,
  });
  const own = new OwnMetrics({
    ...BUILD_INFO,
    engineUp: () => engine.watch.up,
    engineReconnects: () => engine.watch.reconnects,
    series: () => scraper.samples,
    seriesRefused: () => series.refused,
    logQueue: () => queue?.state,
  });
  engine.parseErrors.tell = (source) => own.parseError(source);

  const metrics = shownMetrics(config.systemd.transport !== "off");
  const scraper = new Scraper(fleet, metrics, own.registry);
  const sweep = (): void => {
    heap.fitTo(fleet.size);
    fleet.forgetDestroyed(clock.nowNs() - BigInt(config.metrics.retentionMs) * 1_000_000n);
  };
  stack.use(every(SWEEP_MS, clock, sweep));

  stack.use(await pushMetrics(context, { fleet, own, store }));
  const sink = await openLogs(context, own, store);
  if (sink !== undefined && queue !== undefined) {
    stack.defer(() => closeLogs(sink, queue, context));
  }

  hub.listen((change) => own.changed(change, clock.nowNs()));
  hub.listen((change) => logChange(change, log));
  hub.listen(({ identity }) => identity !== undefined && store.touch(identity.id));
  if (sink !== undefined) hub.listen(exportTo(sink, context));

  const status = buildStatus(context, {
    fleet,
    hub,
    watch: engine.watch,
    runtime: () => runtime.engine,
    otlpQueue: () => (sink === undefined ? undefined : queue?.state),
  });
  engine.snapshots.tell = (record) => {
    status.snapshot(record);
    startLog.seen(record);
  };

  const http = createHttpServer({
    telemetryPath: config.web.telemetryPath,
    metrics: (accept) => {
      sweep();
      return scraper.scrape(negotiateFormat(accept));
    },
    ready: () => engine.watch.listed,
    status: status.routes,
    log,
    clock,
    web: context.web,
  });
  stack.defer(() => http.close());
  stack.defer(status.close);
  await http.listen(config.web.listenAddresses);

  stack.defer(() => engine.systemd.stopAll());
  await engine.watch.run(signal);
  log.info("shutting down");
}
