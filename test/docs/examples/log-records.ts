// An example of docs/library.md. pages.test.ts checks that both are equal.
import {
  BatchLogRecordProcessor,
  ConsoleLogRecordExporter,
  LoggerProvider,
} from "@opentelemetry/sdk-logs";
import { emitLogRecords, execaExecutor, Watcher } from "../../../src/index.ts";

const provider = new LoggerProvider({
  // Or new OTLPLogExporter() of @opentelemetry/exporter-logs-otlp-http.
  processors: [new BatchLogRecordProcessor({ exporter: new ConsoleLogRecordExporter() })],
});
const logger = provider.getLogger("unitwatch", "0.1.0");
const signal = AbortSignal.timeout(60_000);

const watcher = new Watcher(execaExecutor(), "sind-dev-", "dev");
const emitted = emitLogRecords(watcher.subscribe(), logger, { signal });
await watcher.start([{ shortName: "controller", container: "sind-dev-controller" }], { signal });
await emitted;
await provider.shutdown();
