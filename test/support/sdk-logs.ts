import type { LogRecord } from "@opentelemetry/api";
import { ProtobufLogsSerializer } from "@opentelemetry/otlp-transformer";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { LoggerProvider } from "@opentelemetry/sdk-logs";
import type { ReadableLogRecord } from "@opentelemetry/sdk-logs";
import type { LogOrigin } from "../../src/otlp/log-request.ts";

/** The request that OpenTelemetry's SDK makes of these records. */
export function sdkRequest(origin: LogOrigin, records: readonly LogRecord[]): Buffer {
  const emitted: ReadableLogRecord[] = [];
  const provider = new LoggerProvider({
    resource: resourceFromAttributes(origin.resource),
    processors: [
      {
        onEmit: (record) => void emitted.push(record),
        forceFlush: () => Promise.resolve(),
        shutdown: () => Promise.resolve(),
      },
    ],
  });
  const logger = provider.getLogger(origin.scope.name, origin.scope.version);
  for (const record of records) logger.emit(record);
  return Buffer.from(ProtobufLogsSerializer.serializeRequest(emitted) ?? []);
}
