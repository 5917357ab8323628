import { ProtobufLogsSerializer } from "@opentelemetry/otlp-transformer";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { LoggerProvider } from "@opentelemetry/sdk-logs";
import type { ReadableLogRecord } from "@opentelemetry/sdk-logs";
import type { OtlpEndpoint } from "../../src/otlp/protocol/endpoint.ts";

/** Returns an ExportLogsServiceRequest of so many records with the uids `PREFIX-0`, `PREFIX-1`, … */
export function logsRequest(count: number, prefix = "uid"): Uint8Array {
  const records: ReadableLogRecord[] = [];
  const provider = new LoggerProvider({
    resource: resourceFromAttributes({ "service.name": "unitwatch" }),
    processors: [
      {
        onEmit: (record) => void records.push(record),
        forceFlush: async () => {},
        shutdown: async () => {},
      },
    ],
  });
  const logger = provider.getLogger("unitwatch", "1.2.3");
  for (let i = 0; i < count; i++) {
    logger.emit({
      timestamp: [1_795_345_339, i],
      observedTimestamp: [1_795_345_339, i + 1],
      severityNumber: 17,
      severityText: "ERROR",
      eventName: "systemd.unit.failed",
      body: "Unit slurmd.service in sind-dev-worker-0 failed: signal, SIGKILL.",
      attributes: {
        "event.name": "systemd.unit.failed",
        "container.name": "sind-dev-worker-0",
        "systemd.unit.name": "slurmd.service",
        "systemd.service.restarts": i,
        "unitwatch.recovered": false,
        "log.record.uid": `${prefix}-${i}`,
      },
    });
  }
  const request = ProtobufLogsSerializer.serializeRequest(records);
  if (request === undefined) throw new Error("there is no request");
  return request;
}

/** Returns an endpoint with defaults, except for `special`. */
export function endpointOf(
  special: Partial<OtlpEndpoint> & { readonly url: string },
): OtlpEndpoint {
  return {
    protocol: "http/protobuf",
    headers: [],
    timeoutMs: 20_000,
    compression: "none",
    tls: { caFile: undefined, keyFile: undefined, certFile: undefined },
    ...special,
  };
}
