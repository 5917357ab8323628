/**
 * The composition root: opens the way to the engine and the store, builds the parts, subscribes them
 * to the event bus, runs the watch, and takes everything down in reverse.
 *
 * May import every folder but commands; only program.ts and commands import it. Each part gets all that
 * it needs when it is built: nothing is assigned into a part later.
 */
import type { Config } from "../config/config.ts";
import type { Clock } from "../domain/clock.ts";
import type { Logger } from "../domain/log.ts";
import { createHttpServer } from "../http/server.ts";
import type { WebSettings } from "../http/web-config/web-settings.ts";
import { negotiateFormat } from "../http/handlers/negotiate.ts";
import type { HeapGrowth } from "../platform/process/heap-growth.ts";
import { every } from "../platform/time/every.ts";
import { EventBus } from "../state/event-bus.ts";
import { buildParts } from "./build.ts";
import { ChangeLog } from "./change-log.ts";
import { readFailureLines } from "./failure-lines.ts";
import { openHostName } from "./host-name.ts";
import { followJournals } from "./journal-entries.ts";
import { openLogExport } from "./log-export.ts";
import { openMetricExport } from "./metric-export.ts";
import { openParts } from "./open.ts";
import { readiness } from "./readiness.ts";
import { openServiceNotifier } from "./service-manager.ts";
import { logSetup, StartupLog } from "./startup-log.ts";
import { subscribeParts } from "./subscribe.ts";

export interface AppOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  /** TLS, users and headers for HTTP; undefined: plain HTTP without authentication. */
  readonly web: WebSettings | undefined;
  /** Aborts to stop the program. */
  readonly signal: AbortSignal;
  /** When the process started: monotonic milliseconds. */
  readonly sinceMs: number;
  readonly heap: HeapGrowth;
}

const SWEEP_MS = 10_000;

/**
 * Runs the sidecar until `signal` aborts.
 *
 * @throws if an address is unavailable, or a configured file can't be read
 */
export async function runApp(options: AppOptions): Promise<void> {
  const { config, clock, log, web, signal, sinceMs, heap } = options;
  await using stack = new AsyncDisposableStack();
  const bus = new EventBus(log);
  const common = { config, bus, clock, log };

  const { serviceManager } = config;
  const service = stack.use(openServiceNotifier({ serviceManager, clock, log, signal }));
  const opened = await openParts(common);
  const { access, fleet, series } = opened;
  const { runtime } = access;
  stack.defer(() => runtime.close());
  const store = stack.use(opened.store);
  logSetup({ config, runtime, store, web, log });

  const { watch, refresh, scraper, own, status, oomKills } = buildParts(opened, common);
  stack.use(own);
  stack.use(oomKills);
  const watchesSystemd = config.systemd.transport !== "off" || config.systemd.host;
  const startup = stack.use(
    new StartupLog({ fleet, runtime, watchesSystemd, sinceMs, clock, log }),
  );
  const changeLog = stack.use(new ChangeLog({ changes: config.logChanges, clock, log }));
  const isReady = readiness(watch, fleet);
  subscribeParts(bus, { own, store, status, startup, service, heap, isReady, changeLog, clock });

  const sweep = (): void => {
    heap.fitTo(fleet.size);
    status.expire();
    fleet.forgetDestroyed(clock.nowNs() - BigInt(config.metrics.retentionMs) * 1_000_000n);
  };
  stack.use(every(SWEEP_MS, clock, sweep));

  const hostName = await openHostName({ ...common, runtime });
  const exported = { ...common, fleet, store, hostName, own };
  stack.use(await openMetricExport({ ...exported, series, refresh, signal }));
  stack.use(await openLogExport(exported));
  stack.use(readFailureLines({ ...common, fleet, watch }));

  const http = createHttpServer({
    telemetryPath: config.web.telemetryPath,
    async metrics(accept) {
      sweep();
      own.working();
      await refresh();
      return scraper.scrape(negotiateFormat(accept));
    },
    ready: isReady,
    status: status.routes,
    log,
    clock,
    web,
  });
  stack.defer(() => http.close());
  stack.defer(() => status.close());
  await http.listen(config.web.listenAddresses);

  stack.defer(() => watch.stopSystemd());
  stack.use(followJournals({ ...common, watch, store }));
  watch.startHost();
  await watch.engine.run(signal);
  log.info("shutting down");
}
