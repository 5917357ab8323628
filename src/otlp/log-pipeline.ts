import type { LogRecord } from "@opentelemetry/api";
import { ExportResultCode } from "@opentelemetry/core";
import type { ExportResult } from "@opentelemetry/core";
import { ProtobufLogsSerializer } from "@opentelemetry/otlp-transformer";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import type { LogRecordExporter, ReadableLogRecord } from "@opentelemetry/sdk-logs";
import { asError } from "../domain/as-error.ts";
import type { OtlpEndpoint } from "./endpoint.ts";
import type { LogSink } from "./log-sink.ts";
import { openSender } from "./open-sender.ts";
import type { OtlpSender } from "./sender.ts";

export interface LogPipelineOptions {
  readonly endpoint: OtlpEndpoint;
  readonly resource: Readonly<Record<string, string>>;
  readonly version: string;
  readonly exported: (count: number) => void;
  readonly failed: (error: Error, count: number) => void;
  readonly dropped: (count: number) => void;
}

/** Records that wait for the endpoint; the newest is left out where that is full. */
const MAX_QUEUED = 50_000;
const BATCH = 512;
const DELAY_MS = 200;

/**
 * Sends log records over OTLP.
 *
 * @throws where the endpoint can't be sent to: see {@link openSender}
 */
export async function openLogPipeline(options: LogPipelineOptions): Promise<LogSink> {
  const { endpoint } = options;
  const exporter = new SendingExporter(await openSender(endpoint, "logs"));
  const queue = { size: 0 };
  const processor = new BatchLogRecordProcessor({
    exporter: new CountingExporter(exporter, queue, options),
    maxQueueSize: MAX_QUEUED,
    maxExportBatchSize: BATCH,
    scheduledDelayMillis: DELAY_MS,
    exportTimeoutMillis: endpoint.timeoutMs + 1_000,
  });
  const provider = new LoggerProvider({
    resource: resourceFromAttributes(options.resource),
    processors: [processor],
  });
  const logger = provider.getLogger("unitwatch", options.version);
  return {
    emit(record: LogRecord) {
      // The processor drops in silence what is past its bound: so the bound is kept here, and told.
      if (queue.size >= MAX_QUEUED) {
        options.dropped(1);
        return;
      }
      queue.size += 1;
      logger.emit(record);
    },
    close: () => provider.shutdown(),
  };
}

const NEVER = new AbortController().signal;

/** Makes a request of each batch, and sends it once. */
class SendingExporter implements LogRecordExporter {
  readonly #sender: OtlpSender;

  constructor(sender: OtlpSender) {
    this.#sender = sender;
  }

  export(records: ReadableLogRecord[], done: (result: ExportResult) => void): void {
    void (async () => done(await this.#export(records)))();
  }

  async #export(records: ReadableLogRecord[]): Promise<ExportResult> {
    const request = ProtobufLogsSerializer.serializeRequest(records) ?? new Uint8Array();
    const outcome = await this.#sender.send(request, NEVER);
    return outcome.kind === "taken"
      ? { code: ExportResultCode.SUCCESS }
      : {
          code: ExportResultCode.FAILED,
          error: new Error(`${outcome.reason}: ${outcome.message}`),
        };
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {
    await this.#sender[Symbol.asyncDispose]();
  }
}

/** Tells how each export ended. */
class CountingExporter implements LogRecordExporter {
  readonly #inner: LogRecordExporter;
  readonly #queue: { size: number };
  readonly #options: LogPipelineOptions;

  constructor(inner: LogRecordExporter, queue: { size: number }, options: LogPipelineOptions) {
    this.#inner = inner;
    this.#queue = queue;
    this.#options = options;
  }

  export(records: ReadableLogRecord[], done: (result: ExportResult) => void): void {
    this.#inner.export(records, (result) => {
      this.#queue.size -= records.length;
      if (result.code === ExportResultCode.SUCCESS) this.#options.exported(records.length);
      else this.#options.failed(asError(result.error ?? "export failed"), records.length);
      done(result);
    });
  }

  async forceFlush(): Promise<void> {
    await this.#inner.forceFlush?.();
  }

  async shutdown(): Promise<void> {
    await this.#inner.shutdown();
  }
}
