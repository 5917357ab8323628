/**
 * Makes the foreign OTLP receiver read newer fields, and report requests over gRPC like those over
 * HTTP. Has to be imported before the receiver.
 */
import { createRequire } from "node:module";

interface Field {
  readonly name: string;
}
interface Root {
  loadSync: (this: Root, ...parameters: unknown[]) => Root;
  lookupType(name: string): { add(field: Field): void; readonly fields: Record<string, Field> };
}
interface Loader {
  loadSync: (this: void, path: string, options: object) => unknown;
}

const load = createRequire(import.meta.url);
const loadForReceiver = createRequire(load.resolve("@elastic/mockotlpserver"));
const { Field, Root } = loadForReceiver("protobufjs") as {
  Field: new (name: string, id: number, type: string) => Field;
  Root: { readonly prototype: Root };
};
const loader = loadForReceiver("@grpc/proto-loader") as Loader;

// `string event_name = 12` is new in OTLP 1.5.0; the receiver has older definitions.
const { loadSync: loadDefinitions } = Root.prototype;
Root.prototype.loadSync = function (...parameters) {
  const root = loadDefinitions.apply(this, parameters);
  try {
    const record = root.lookupType("opentelemetry.proto.logs.v1.LogRecord");
    if (!("eventName" in record.fields)) record.add(new Field("eventName", 12, "string"));
  } catch {
    // The definitions of another signal.
  }
  return root;
};

const { loadSync: loadService } = loader;
loader.loadSync = (path, options) => loadService(path, { ...options, longs: String });
