import { BUILD_INFO } from "../config/build-info.ts";
import { asError } from "../domain/as-error.ts";
import type { Change } from "../domain/change.ts";
import { logRecordOf } from "../logs/log-record.ts";
import { isQuiet } from "../logs/severity.ts";
import type { OwnMetrics } from "../metrics/own-metrics.ts";
import type { LogSink } from "../otlp/log-sink.ts";
import type { AppContext } from "./context.ts";
import { INSTANCE } from "./instance.ts";
import { resourceOf } from "./resource.ts";

/** Opens the way of log records to their endpoint; undefined where there is none. */
export async function openLogs(context: AppContext, own: OwnMetrics): Promise<LogSink | undefined> {
  const { config, log } = context;
  const endpoint = config.otlp.logs;
  if (endpoint === undefined) return undefined;
  // The OpenTelemetry SDK costs memory and start-up time: it is loaded where it is needed.
  const { openLogPipeline } = await import("../otlp/log-pipeline.ts");
  return openLogPipeline({
    endpoint,
    resource: await resourceOf(context),
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

/** Makes a log record of each change, and hands it to the sink. */
export function exportTo(sink: LogSink, context: AppContext): (change: Change) => void {
  const { config, clock } = context;
  const everything = config.log.level === "debug";
  return (change) => {
    if (isQuiet(change) && !everything) return;
    sink.emit(logRecordOf(change, { observedNs: clock.nowNs(), instance: INSTANCE }));
  };
}

/** Sends what waits, as far as that goes in the time. */
export async function closeWithin(
  limitMs: number,
  sink: LogSink,
  context: AppContext,
): Promise<void> {
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
