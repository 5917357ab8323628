import type { Clock } from "../domain/clock.ts";
import type { Logger } from "../domain/log.ts";
import type { RecordBatch, RecordQueue } from "../domain/record-queue.ts";
import { untilAborted } from "../platform/time/until-aborted.ts";
import { recordEnds } from "./log-request.ts";
import type { LogRequest } from "./log-request.ts";
import type { OtlpSender, SendOutcome } from "./transport/sender.ts";

/** Called for records that leave the queue, to count them. */
export interface DeliveryCounts {
  /** The endpoint accepted so many. */
  readonly exported: (records: number) => void;
  /** A request failed, or a part of it. The reason is one of few. */
  readonly failed: (reason: string) => void;
  /** So many are dropped. */
  readonly dropped: (records: number) => void;
}

export interface LogDeliveryOptions extends DeliveryCounts {
  readonly queue: RecordQueue;
  readonly request: LogRequest;
  readonly sender: OtlpSender;
  readonly clock: Clock;
  readonly log: Logger;
  /** Gives the wait before the next attempt, in milliseconds. */
  readonly backoff: { next(): number; reset(): void };
}

/** Bounds of one request: endpoints accept 4 MiB and more. */
const MAX_BYTES = 2 ** 20;
const MAX_RECORDS = 1_024;
/** Accepted requests in a row after which a request may be twice as large again. */
const GROW_AFTER = 64;
/** Smallest request, in records, for an endpoint that times out. */
const SLOW_RECORDS = 64;
/** Longest wait that an endpoint can request: an hour. */
const MAX_WAIT_MS = 3_600_000;

/** Whole records, the first of the lease. */
interface Cut {
  readonly parts: readonly Uint8Array[];
  readonly records: number;
}

/**
 * Delivers the records of a queue to an endpoint, in their order, one request at a time. Retries until
 * the endpoint accepts or rejects them; counts what it rejects as dropped.
 */
export class LogDelivery {
  readonly #options: LogDeliveryOptions;
  readonly #ending = new AbortController();
  #maxRecords = MAX_RECORDS;
  #acceptedInTurn = 0;
  #isDown = false;

  constructor(options: LogDeliveryOptions) {
    this.#options = options;
  }

  /** Delivers until the signal aborts, or after `end` until the queue is empty. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { queue } = this.#options;
    const either = AbortSignal.any([signal, this.#ending.signal]);
    while (!signal.aborted) {
      const isEnding = this.#ending.signal.aborted;
      if (isEnding && queue.state.records === 0) return;
      const batch = await queue.next(MAX_BYTES, isEnding ? signal : either);
      if (batch === undefined) continue;
      const waitMs = await this.#deliver(batch, signal);
      queue.release();
      if (waitMs === undefined) continue;
      // A durable queue keeps them for the next process.
      if (isEnding && queue.state.durable) return;
      await this.#wait(waitMs, isEnding ? signal : either);
    }
  }

  /** Retries at once, and ends `run` after the last record. No records may be pushed later. */
  end(): void {
    this.#ending.abort();
  }

  /** Sends one request; returns how long to wait before the next, undefined for not at all. */
  async #deliver(batch: RecordBatch, signal: AbortSignal): Promise<number | undefined> {
    const { request, sender, queue, dropped } = this.#options;
    const part = cut(batch, this.#maxRecords);
    if (part === undefined) {
      const records = (batch.rows[0]?.count ?? 0) - batch.skip;
      this.#failed("damaged", "damaged log records dropped", {
        kind: "damaged",
        records,
      });
      dropped(records);
      queue.done(records);
      return undefined;
    }
    const outcome = await sender.send(request.build(part.parts), signal);
    if (outcome.kind === "retry" && signal.aborted) return undefined;
    return this.#settle(outcome, part.records);
  }

  #settle(outcome: SendOutcome, records: number): number | undefined {
    const { queue, backoff, exported, dropped } = this.#options;
    if (outcome.kind === "retry") {
      if (outcome.reason === "timeout" && records > SLOW_RECORDS) {
        this.#halve(records, SLOW_RECORDS);
      }
      return this.#retry(outcome);
    }
    if (outcome.kind === "too-large" && records > 1) {
      this.#options.failed(outcome.reason);
      this.#halve(records);
      return undefined;
    }
    const { message: err } = outcome;
    const lost = outcome.kind === "accepted" ? Math.min(outcome.rejected, records) : records;
    if (outcome.kind === "accepted") {
      if (lost > 0) {
        this.#failed("partial_success", "log endpoint rejected records", {
          err,
          records: lost,
        });
      } else if (err !== "") {
        // An accepted request with a message is a warning, by the specification.
        this.#options.log.limited("otlp-logs accepted").warn("log endpoint warning", { err });
      }
      this.#accepted();
      exported(records - lost);
    } else {
      this.#failed(
        outcome.reason,
        outcome.kind === "rejected"
          ? "log records rejected and dropped"
          : "log record too large for endpoint, dropped",
        { err, records },
      );
    }
    if (lost > 0) dropped(lost);
    backoff.reset();
    queue.done(records);
    return undefined;
  }

  #halve(records: number, least = 1): void {
    this.#maxRecords = Math.max(least, Math.ceil(records / 2));
    this.#acceptedInTurn = 0;
  }

  #retry(outcome: SendOutcome & { readonly kind: "retry" }): number {
    const { queue, backoff } = this.#options;
    this.#failed(outcome.reason, "log export failed, will retry", {
      err: outcome.message,
      waiting: queue.state.records,
    });
    this.#isDown = true;
    const waitMs = backoff.next();
    if (outcome.afterMs === undefined) return waitMs;
    return Math.min(Math.max(outcome.afterMs, 0) + waitMs / 2, MAX_WAIT_MS);
  }

  #accepted(): void {
    const { queue, log } = this.#options;
    if (this.#isDown) {
      log.limited("otlp-again").info("log export restored", {
        waiting: queue.state.records,
      });
    }
    this.#isDown = false;
    this.#acceptedInTurn += 1;
    if (this.#acceptedInTurn < GROW_AFTER || this.#maxRecords === MAX_RECORDS) return;
    this.#acceptedInTurn = 0;
    this.#maxRecords = Math.min(this.#maxRecords * 2, MAX_RECORDS);
  }

  /** Counts a failure, and logs it at most once a minute. */
  #failed(
    reason: string,
    message: string,
    fields: Readonly<Record<string, string | number>>,
  ): void {
    this.#options.failed(reason);
    this.#options.log.limited(`otlp-logs ${message}`).warn(message, { reason, ...fields });
  }

  async #wait(waitMs: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const sleep = this.#options.clock.sleep(waitMs, over.signal).catch(() => {});
    await untilAborted(sleep, signal);
    over.abort();
  }
}

/** Cuts the records of one request from a batch; undefined if the first row is damaged. */
function cut({ rows, skip }: RecordBatch, maxRecords: number): Cut | undefined {
  const parts: Uint8Array[] = [];
  let records = 0;
  for (const [i, { bytes, count }] of rows.entries()) {
    const ends = recordEnds(bytes, count);
    const from = i === 0 ? skip : 0;
    const to = Math.min(count, from + maxRecords - records);
    if (ends === undefined || to === from) break;
    parts.push(bytes.subarray(ends[from - 1] ?? 0, ends[to - 1]));
    records += to - from;
    if (to < count) break;
  }
  return records === 0 ? undefined : { parts, records };
}
