import type { Logger, LogRecord } from "@opentelemetry/api";
import { ProtobufLogsSerializer } from "@opentelemetry/otlp-transformer";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { LoggerProvider } from "@opentelemetry/sdk-logs";
import type { LogRecordProcessor, ReadableLogRecord } from "@opentelemetry/sdk-logs";
import type { LogOrigin } from "../../src/otlp/log-request.ts";

/** Returns a logger of OpenTelemetry's SDK with this processor. */
export function sdkLogger(origin: LogOrigin, processor: LogRecordProcessor): Logger {
  const provider = new LoggerProvider({
    resource: resourceFromAttributes(origin.resource()),
    logRecordLimits: { attributeCountLimit: Infinity },
    processors: [processor],
  });
  return provider.getLogger(origin.scope.name, origin.scope.version);
}

/** Returns the records that OpenTelemetry's SDK makes of these. */
export function sdkRecords(origin: LogOrigin, records: readonly LogRecord[]): ReadableLogRecord[] {
  const emitted: ReadableLogRecord[] = [];
  const logger = sdkLogger(origin, {
    onEmit: (record) => void emitted.push(record),
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  });
  for (const record of records) logger.emit(record);
  return emitted;
}

/** Returns the request that OpenTelemetry's SDK makes of these records. */
export function sdkRequest(origin: LogOrigin, records: readonly LogRecord[]): Buffer {
  return Buffer.from(ProtobufLogsSerializer.serializeRequest(sdkRecords(origin, records)) ?? []);
}
