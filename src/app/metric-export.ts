import { BUILD_INFO } from "../config/build-info.ts";
import type { Config } from "../config/config.ts";
import type { Clock } from "../domain/clock.ts";
import type { Logger } from "../domain/log.ts";
import { shownMetrics } from "../metrics/catalogue.ts";
import type { OwnMetrics } from "../metrics/own-metrics.ts";
import { asError } from "../platform/data/as-error.ts";
import { Backoff } from "../platform/time/backoff.ts";
import type { Publisher } from "../state/event-bus.ts";
import type { Fleet } from "../state/fleet.ts";
import type { SeriesBudget } from "../state/units/series-budget.ts";
import type { Store } from "../storage/store.ts";

export interface MetricExportOptions {
  readonly config: Pick<Config, "docker" | "otlp" | "systemd" | "watch">;
  readonly store: Pick<Store, "folder">;
  /** Returns the host's name as far as it is known by now. */
  readonly hostName: () => string;
  readonly fleet: Fleet;
  /** Groups of readings, and usage, that have metrics. */
  readonly series: Pick<SeriesBudget, "groups" | "hasUsage">;
  /** Reads what no signal carries; called before each collection. */
  readonly refresh: () => Promise<void>;
  readonly own: OwnMetrics;
  readonly bus: Publisher;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborts when the process begins to stop: the last push starts then. */
  readonly signal: AbortSignal;
}

/** How long the last push may take when the program stops. */
const FLUSH_MS = 3_000;
const PUSH_BACKOFF = { initialMs: 1_000, maxMs: 30_000 };

/**
 * Pushes metrics, if an endpoint is configured, from now on until `signal` aborts, and then
 * once more. Disposing it waits for that last push.
 *
 * @throws if a file that the endpoint needs is unreadable or invalid
 */
export async function openMetricExport(options: MetricExportOptions): Promise<AsyncDisposable> {
  const { config, store, hostName, fleet, series, refresh, own, bus, clock, log, signal } = options;
  const endpoint = config.otlp.metrics;
  if (endpoint === undefined) return { async [Symbol.asyncDispose]() {} };
  // The sender costs memory and start-up time: it is loaded only when used.
  const { openSender } = await import("../otlp/transport/open-sender.ts");
  const { resourceOf } = await import("./resource.ts");
  const { startMetricPush } = await import("../otlp/metric-push.ts");
  const { OtelCollector } = await import("../metrics/otel-collector.ts");
  const { intervalMs, timeoutMs, temporality } = config.otlp.metricPush;
  const resource = await resourceOf({ config, folder: store.folder, log, hostName });
  const push = startMetricPush({
    source: new OtelCollector({
      fleet,
      metrics: shownMetrics({
        isWatched: config.systemd.transport !== "off" || config.systemd.host,
        groups: series.groups,
        hasUsage: series.hasUsage,
      }),
      refresh,
      own: own.registry,
      temporality,
      clock,
      lost: () => bus.publish("dropped", { stage: "otlp_deltas", count: 1 }),
    }),
    sender: await openSender(endpoint, "metrics"),
    resource,
    version: BUILD_INFO.version,
    intervalMs,
    timeoutMs,
    clock,
    backoff: new Backoff(PUSH_BACKOFF),
    exported: (points) => own.exported("metrics", points),
    failed(reason, message) {
      own.exportFailed("metrics", reason);
      log.limited("otlp-metrics").warn("metric export failed", { reason, detail: message });
    },
    broken(error) {
      own.exportFailed("metrics", "internal");
      log.limited("otlp-metrics").error("metric collection failed", { err: error });
    },
  });
  let closed: Promise<void> | undefined;
  // Starts at once: after the other parts have closed, the limits would add up.
  const close = (): Promise<void> =>
    (closed ??= push.close(FLUSH_MS).catch((error: unknown) => {
      log.warn("OTLP metric export close failed", { err: asError(error) });
    }));
  signal.addEventListener("abort", () => void close(), { once: true });
  return { [Symbol.asyncDispose]: close };
}
