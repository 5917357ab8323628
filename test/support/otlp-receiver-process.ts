/**
 * The process of the receiver, started by `otlp-receiver.ts` with `http` or `grpc`: sends `{ url }`
 * when it listens, then the records or data points of each request, and ends with its parent.
 */
import "./otlp-definitions.ts";
import { createRequire } from "node:module";
import type { MetricsRequest } from "./otlp-metrics.ts";

interface Receiver {
  start(): Promise<void>;
  readonly httpUrl: URL | null;
  readonly grpcUrl: URL | null;
}
/** A request as the receiver parses it. */
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

const send = (message: ReceiverMessage): void => {
  // If the parent has ended, this process is about to end too.
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
  onLogs: (request: unknown) => send({ logs: normalizeLogs(request) }),
  onMetrics: (request: unknown) => send({ metrics: normalizeMetrics(request) }),
});
await server.start();
send({ url: (server.httpUrl ?? server.grpcUrl)?.origin ?? "" });
