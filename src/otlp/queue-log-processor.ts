import type { LogRecordProcessor, ReadWriteLogRecord } from "@opentelemetry/sdk-logs";
import type { RecordQueue } from "../domain/record-queue.ts";
import { LogEncoder } from "./log-encoder.ts";

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
