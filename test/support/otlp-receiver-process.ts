/**
 * The receiver's own process, started by `otlp-receiver.ts`: says `{ url }` once it listens, then
 * each request's records in turn, and ends when its parent does.
 */
import { createRequire } from "node:module";

interface Receiver {
  start(): Promise<void>;
  readonly httpUrl: URL;
}
interface Field {
  readonly name: string;
}
interface ProtoRoot {
  lookupType(name: string): { add(field: Field): void; readonly fields: Record<string, Field> };
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
export type ReceiverMessage = { readonly url: string } | { readonly logs: LogsRequest };

const load = createRequire(import.meta.url);
const { MockOtlpServer, normalizeLogs } = load("@elastic/mockotlpserver") as {
  MockOtlpServer: new (options: Record<string, unknown>) => Receiver;
  normalizeLogs: (request: unknown) => LogsRequest;
};
const { getProtoRoot } = load("@elastic/mockotlpserver/lib/proto.js") as {
  getProtoRoot: () => ProtoRoot;
};
const { Field } = createRequire(load.resolve("@elastic/mockotlpserver"))("protobufjs") as {
  Field: new (name: string, id: number, type: string) => Field;
};

// `string event_name = 12` came into OTLP with 1.5.0, after the definitions that the receiver has.
const record = getProtoRoot().lookupType("opentelemetry.proto.logs.v1.LogRecord");
if (!("eventName" in record.fields)) record.add(new Field("eventName", 12, "string"));

const tell = (message: ReceiverMessage): void => void process.send?.(message);
process.on("disconnect", () => process.exit());

const server = new MockOtlpServer({
  logLevel: "error",
  services: ["http"],
  httpHostname: "127.0.0.1",
  httpPort: 0,
  onLogs: (request: unknown) => tell({ logs: normalizeLogs(request) }),
});
await server.start();
tell({ url: server.httpUrl.origin });
