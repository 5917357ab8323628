import type { HrTime, LogRecord } from "@opentelemetry/api";
import type { LogRecordProcessor, ReadWriteLogRecord } from "@opentelemetry/sdk-logs";
import type { RecordQueue } from "../domain/record-queue.ts";
import { LogEncoder } from "./log-encoder.ts";

/** A record whose attributes are scalars, and whose times are exact. */
export interface ScalarRecord extends LogRecord {
  readonly timestamp: HrTime;
  readonly observedTimestamp: HrTime;
}

/**
 * Encodes each record as soon as it is emitted, and puts it into the queue, which may be durable.
 * The SDK's batch processor would keep records in memory and drop them while the endpoint is down.
 */
export class QueueLogProcessor implements LogRecordProcessor {
  readonly #queue: Pick<RecordQueue, "push" | "flush">;
  readonly #encoder = new LogEncoder();
  #isShutDown = false;

  constructor(queue: Pick<RecordQueue, "push" | "flush">) {
    this.#queue = queue;
  }

  onEmit(record: ReadWriteLogRecord): void {
    if (!this.#isShutDown) this.#queue.push(this.#encoder.encode(record));
  }

  /** Queues a record without the SDK's Logger, which takes as long as all else that is done for one. */
  emit(record: ScalarRecord): void {
    if (this.#isShutDown) return;
    const { timestamp: hrTime, observedTimestamp: hrTimeObserved } = record;
    const { severityNumber, severityText, body, attributes = {}, eventName } = record;
    const texts = { severityText, body, eventName };
    const parts = { hrTime, hrTimeObserved, severityNumber, attributes, ...texts };
    this.#queue.push(this.#encoder.encode(parts));
  }

  /** Resolves once all records emitted so far are stored; see {@link RecordQueue.flush}. */
  forceFlush(): Promise<void> {
    return this.#queue.flush();
  }

  /** Ignores later records, and resolves once the earlier ones are stored. */
  shutdown(): Promise<void> {
    this.#isShutDown = true;
    return this.#queue.flush();
  }
}
