import type { LogRecord } from "@opentelemetry/api";

/** Takes log records on their way out. They wait in a queue, which has a bound and counts what that costs. */
export interface LogSink {
  /** Takes a record, at once and without a fault. */
  emit(record: LogRecord): void;
  /** Sends what waits, as far as that goes before the signal aborts; takes nothing afterwards. */
  close(signal: AbortSignal): Promise<void>;
}
