import { BUILD_INFO } from "../config/build-info.ts";
import { asError } from "../platform/data/as-error.ts";
import type { Change } from "../domain/change.ts";
import type { RecordQueue } from "../domain/record-queue.ts";
import { emitChanges } from "../logs/emit-changes.ts";
import type { OwnMetrics } from "../metrics/own-metrics.ts";
import type { LogPipeline } from "../otlp/log-pipeline.ts";
import type { Store } from "../storage/store.ts";
import { Backoff } from "../platform/time/backoff.ts";
import type { AppContext } from "./context.ts";
import { INSTANCE } from "./instance.ts";
import { resourceOf } from "./resource.ts";

/** How long the records that wait are given when the program ends. */
const FLUSH_MS = 3_000;
const DELIVERY_BACKOFF = { initialMs: 1_000, maxMs: 30_000 };

/** Opens the way of log records from the queue to their endpoint; undefined where there is none. */
export async function openLogs(
  context: AppContext,
  own: OwnMetrics,
  { queue, folder }: Pick<Store, "queue" | "folder">,
): Promise<LogPipeline | undefined> {
  const { config, log, clock } = context;
  const endpoint = config.otlp.logs;
  if (endpoint === undefined || queue === undefined) return undefined;
  // What sends costs memory and start-up time: it is loaded where it is needed.
  const { openSender } = await import("../otlp/transport/open-sender.ts");
  const { openLogPipeline } = await import("../otlp/log-pipeline.ts");
  return openLogPipeline({
    queue,
    sender: await openSender(endpoint, "logs"),
    clock,
    log,
    backoff: new Backoff(DELIVERY_BACKOFF),
    origin: {
      resource: await resourceOf(context, folder),
      scope: { name: "unitwatch", version: BUILD_INFO.version },
    },
    exported: (records) => own.exported("logs", records),
    failed: (reason) => own.exportFailed("logs", reason),
    dropped: (records) => own.dropped("otlp_export", records),
  });
}

/** What the queue gives up is counted, and told once a minute. */
export function queueDropped(
  context: AppContext,
  own: () => OwnMetrics,
): (records: number, reason: string) => void {
  const log = context.log.limited("otlp-queue");
  return (records, reason) => {
    own().dropped("otlp_queue", records);
    own().exportFailed("logs", reason);
    log.warn("log records that waited for their endpoint are dropped", { reason, records });
  };
}

/** Returns a subscriber that emits a log record for each change. */
export function exportTo(
  { logger }: LogPipeline,
  { config, clock }: AppContext,
): (change: Change) => void {
  const includesQuiet = config.log.level === "debug";
  return emitChanges(logger, { clock, instance: INSTANCE, includesQuiet });
}

/** Sends what waits, as far as that goes in the time. */
export async function closeLogs(
  pipeline: LogPipeline,
  queue: RecordQueue,
  context: AppContext,
): Promise<void> {
  const { clock, log } = context;
  const limit = new AbortController();
  using _timer = clock.setTimeout(() => limit.abort(), FLUSH_MS);
  try {
    await pipeline.close(limit.signal);
  } catch (error) {
    log.warn("the log endpoint can't be closed", { err: asError(error) });
  }
  const { records, durable } = queue.state;
  if (records === 0) return;
  if (durable) log.info("log records stay in the queue", { records });
  else log.warn("log records are lost: the queue is in memory", { records });
}
