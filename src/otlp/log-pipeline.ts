import type { LogRecord } from "@opentelemetry/api";
import { LogDelivery } from "./log-delivery.ts";
import type { LogDeliveryOptions } from "./log-delivery.ts";
import { LogEncoder } from "./log-encoder.ts";
import { LogRequest } from "./log-request.ts";
import type { LogOrigin } from "./log-request.ts";
import type { LogSink } from "./log-sink.ts";

export interface LogPipelineOptions extends Omit<LogDeliveryOptions, "request"> {
  readonly origin: LogOrigin;
}

/**
 * Writes each log record once, puts it into the queue, and delivers from there. Closing it closes
 * the sender too, and leaves the queue to its owner.
 */
export function openLogPipeline(options: LogPipelineOptions): LogSink {
  const { queue, sender } = options;
  const encoder = new LogEncoder();
  const delivery = new LogDelivery({ ...options, request: new LogRequest(options.origin) });
  const stop = new AbortController();
  const delivered = delivery.run(stop.signal);
  let isClosed = false;
  return {
    emit(record: LogRecord) {
      if (!isClosed) queue.push(encoder.encode(record));
    },
    async close(signal) {
      isClosed = true;
      const abort = (): void => stop.abort();
      signal.addEventListener("abort", abort);
      if (signal.aborted) abort();
      void queue.flush().then(() => delivery.end());
      await delivered;
      signal.removeEventListener("abort", abort);
      await sender[Symbol.asyncDispose]();
    },
  };
}
