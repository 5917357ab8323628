import { BUILD_INFO } from "../config/build-info.ts";
import type { Config } from "../config/config.ts";
import type { Clock } from "../domain/clock.ts";
import type { Logger } from "../domain/log.ts";
import type { RecordQueue } from "../domain/record-queue.ts";
import { emitChanges, emitEntries, emitLines } from "../logs/emit-changes.ts";
import type { OwnMetrics } from "../metrics/own-metrics.ts";
import type { LogPipeline } from "../otlp/log-pipeline.ts";
import { asError } from "../platform/data/as-error.ts";
import { Backoff } from "../platform/time/backoff.ts";
import type { EventBus } from "../state/event-bus.ts";
import type { Fleet } from "../state/fleet.ts";
import type { Store } from "../storage/store.ts";
import { INSTANCE } from "./event-report.ts";
import { entryFilter } from "./journal-entries.ts";

export interface LogExportOptions {
  readonly config: Pick<Config, "docker" | "journal" | "log" | "otlp" | "systemd" | "watch">;
  readonly store: Pick<Store, "folder" | "queue">;
  /** Returns the host's name as far as it is known by now. */
  readonly hostName: () => string;
  readonly fleet: Pick<Fleet, "get">;
  readonly own: Pick<OwnMetrics, "exported" | "exportFailed">;
  readonly bus: EventBus;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How long queued records are still exported when the program stops. */
const FLUSH_MS = 3_000;
const DELIVERY_BACKOFF = { initialMs: 1_000, maxMs: 30_000 };

/**
 * Exports each change as a log record from now on, if an endpoint is configured. Disposing it exports
 * the queued records for at most {@link FLUSH_MS}.
 *
 * @throws if a file that the endpoint needs is unreadable or invalid
 */
export async function openLogExport(options: LogExportOptions): Promise<AsyncDisposable> {
  const { config, fleet, store, hostName, own, bus, clock, log } = options;
  const endpoint = config.otlp.logs;
  const { folder, queue } = store;
  if (endpoint === undefined || queue === undefined) return { async [Symbol.asyncDispose]() {} };
  // The sender costs memory and start-up time: it is loaded only when used.
  const { openSender } = await import("../otlp/transport/open-sender.ts");
  const { resourceOf } = await import("./resource.ts");
  const { openLogPipeline } = await import("../otlp/log-pipeline.ts");
  const pipeline = openLogPipeline({
    queue,
    sender: await openSender(endpoint, "logs"),
    clock,
    log,
    backoff: new Backoff(DELIVERY_BACKOFF),
    origin: {
      resource: await resourceOf({ config, folder, log, hostName }),
      scope: { name: "unitwatch", version: BUILD_INFO.version },
    },
    exported: (records) => own.exported("logs", records),
    failed: (reason) => own.exportFailed("logs", reason),
    dropped: (records) => bus.publish("dropped", { stage: "otlp_export", count: records }),
  });
  const includesQuiet = config.log.level === "debug";
  const emit = emitChanges(pipeline.logger, { clock, instance: INSTANCE, includesQuiet });
  bus.subscribe("change", emit);
  const isFollowed = entryFilter(config, (id) => fleet.get(id));
  const emitFailed = emitLines(pipeline.logger, { clock, instance: INSTANCE, isFollowed });
  bus.subscribe("failureLines", emitFailed);
  bus.subscribe("journalEntries", emitEntries(pipeline.flood, { clock }));
  return { [Symbol.asyncDispose]: () => closeExport(pipeline, queue, { clock, log }) };
}

async function closeExport(
  pipeline: LogPipeline,
  queue: RecordQueue,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Promise<void> {
  const limit = new AbortController();
  using _timer = clock.setTimeout(() => limit.abort(), FLUSH_MS);
  try {
    await pipeline.close(limit.signal);
  } catch (error) {
    log.warn("OTLP log export close failed", { err: asError(error) });
  }
  const { records, durable } = queue.state;
  if (records === 0) return;
  if (durable) log.info("log records left in queue", { records });
  else log.warn("log records lost", { records, reason: "queue in memory" });
}
