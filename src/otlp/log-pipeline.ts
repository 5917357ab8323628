/**
 * OTLP: log export (`openLogPipeline`) and metric push (`startMetricPush`). Log records go from the
 * SDK's Logger through `QueueLogProcessor`, or to that at once, and our encoder into the queue of `storage/`, and from
 * there by `LogDelivery` to a sender of `transport/`; metrics go from their source to a sender.
 * `protocol/` reads and writes the wire formats.
 *
 * Imports domain and platform; `app/` passes queue, metrics and counters. It is loaded only if an
 * endpoint is configured. A record leaves the queue only when the endpoint has accepted or rejected
 * it; each one that is dropped is counted.
 */
import type { Logger } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { LoggerProvider } from "@opentelemetry/sdk-logs";
import { LogDelivery } from "./log-delivery.ts";
import type { LogDeliveryOptions } from "./log-delivery.ts";
import { LogRequest } from "./log-request.ts";
import type { LogOrigin } from "./log-request.ts";
import { QueueLogProcessor } from "./queue-log-processor.ts";
import type { ScalarRecord } from "./queue-log-processor.ts";

export interface LogPipelineOptions extends Omit<LogDeliveryOptions, "request"> {
  readonly origin: LogOrigin;
}

/** Log records on their way to an endpoint, through a bounded queue that counts what it drops. */
export interface LogPipeline {
  /** Accepts records at once, and never throws. */
  readonly logger: Logger;
  /** Does the same in half of the time, for floods of records. */
  readonly flood: { emit(record: ScalarRecord): void };
  /**
   * Ignores later records, delivers the queue until the signal aborts, and closes the sender. Leaves
   * the queue to its owner.
   */
  close(signal: AbortSignal): Promise<void>;
}

/** Opens a pipeline: OpenTelemetry's SDK, then our encoder, then the queue, then the sender. */
export function openLogPipeline(options: LogPipelineOptions): LogPipeline {
  const { queue, sender, origin } = options;
  const processor = new QueueLogProcessor(queue);
  const provider = new LoggerProvider({
    resource: resourceFromAttributes(origin.resource()),
    logRecordLimits: { attributeCountLimit: Infinity },
    processors: [processor],
  });
  const delivery = new LogDelivery({ ...options, request: new LogRequest(origin) });
  const stop = new AbortController();
  const delivered = delivery.run(stop.signal);
  return {
    logger: provider.getLogger(origin.scope.name, origin.scope.version),
    flood: processor,
    async close(signal) {
      const abort = (): void => stop.abort();
      signal.addEventListener("abort", abort);
      if (signal.aborted) abort();
      void provider.shutdown().then(() => delivery.end());
      await delivered;
      signal.removeEventListener("abort", abort);
      await sender[Symbol.asyncDispose]();
    },
  };
}
