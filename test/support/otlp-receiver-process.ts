/**
 * The receiver's own process, started by `otlp-receiver.ts` with `http` or `grpc`: says `{ url }`
 * once it listens, then each request's records or data points in turn, and ends when its parent does.
 */
import "./otlp-definitions.ts";
import { createRequire } from "node:module";
import type { MetricsRequest } from "./otlp-metrics.ts";

interface Receiver {
  start(): Promise<void>;
  readonly httpUrl: URL | null;
  readonly grpcUrl: URL | null;
}
/** A request in the receiver's own words. */
export interface LogsRequest {
  readonly resourceLogs: readonly {
    readonly resource: { readonly attributes: Readonly<Record<string, unknown>> };
    readonly scopeLogs: readonly {
      readonly scope: { readonly name: string; readonly version: string };
      readonly logRecords: readonly Readonly<Record<string, unknown>>[];
    }[];
  }[];
}
export type ReceiverMessage =
  | { readonly url: string }
  | { readonly logs: LogsRequest }
  | { readonly metrics: MetricsRequest };

const load = createRequire(import.meta.url);
const { MockOtlpServer, normalizeLogs, normalizeMetrics } = load("@elastic/mockotlpserver") as {
  MockOtlpServer: new (options: Record<string, unknown>) => Receiver;
  normalizeLogs: (request: unknown) => LogsRequest;
  normalizeMetrics: (request: unknown) => MetricsRequest;
};

const tell = (message: ReceiverMessage): void => {
  // Whom it was for may have gone: then this process is about to end.
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
};
process.on("disconnect", () => process.exit());

const server = new MockOtlpServer({
  logLevel: "error",
  services: [process.argv[2]],
  grpcHostname: "127.0.0.1",
  grpcPort: 0,
  httpHostname: "127.0.0.1",
  httpPort: 0,
  onLogs: (request: unknown) => tell({ logs: normalizeLogs(request) }),
  onMetrics: (request: unknown) => tell({ metrics: normalizeMetrics(request) }),
});
await server.start();
tell({ url: (server.httpUrl ?? server.grpcUrl)?.origin ?? "" });
