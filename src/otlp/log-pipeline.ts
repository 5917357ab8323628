import { readFile } from "node:fs/promises";
import type { LogRecord } from "@opentelemetry/api";
import { ExportResultCode } from "@opentelemetry/core";
import type { ExportResult } from "@opentelemetry/core";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import type { LogRecordExporter, ReadableLogRecord } from "@opentelemetry/sdk-logs";
import { asError } from "../domain/as-error.ts";
import type { LogSink } from "./log-sink.ts";

/** Where log records go. */
export interface LogEndpoint {
  /** The whole URL to post to. */
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly timeoutMs: number;
  readonly compression: "gzip" | "none";
  readonly tls: {
    readonly caFile: string | undefined;
    readonly keyFile: string | undefined;
    readonly certFile: string | undefined;
  };
}

export interface LogPipelineOptions {
  readonly endpoint: LogEndpoint;
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
 * Sends log records over OTLP http/protobuf.
 *
 * @throws where a certificate file can't be read
 */
export async function openLogPipeline(options: LogPipelineOptions): Promise<LogSink> {
  const { endpoint } = options;
  const [ca, key, cert] = await Promise.all(
    [endpoint.tls.caFile, endpoint.tls.keyFile, endpoint.tls.certFile].map(readPem),
  );
  const exporter = new OTLPLogExporter({
    url: endpoint.url,
    headers: Object.fromEntries(endpoint.headers),
    timeoutMillis: endpoint.timeoutMs,
    compression: endpoint.compression as NonNullable<
      ConstructorParameters<typeof OTLPLogExporter>[0]
    >["compression"] &
      string,
    httpAgentOptions: {
      keepAlive: true,
      ...(ca === undefined ? {} : { ca }),
      ...(key === undefined ? {} : { key }),
      ...(cert === undefined ? {} : { cert }),
    },
  });
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

async function readPem(file: string | undefined): Promise<Buffer | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file);
  } catch (error) {
    throw new Error(`cannot read the certificate file ${file}`, { cause: error });
  }
}
