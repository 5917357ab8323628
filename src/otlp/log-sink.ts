import type { LogRecord } from "@opentelemetry/api";

/** Takes log records on their way out. It has a bound of its own, and counts what that costs. */
export interface LogSink {
  /** Takes a record, at once and without a fault. */
  emit(record: LogRecord): void;
  /** Sends what waits, as far as that goes; takes nothing afterwards. */
  close(): Promise<void>;
}
