import type { Clock } from "../domain/clock.ts";
import type { Logger } from "../domain/log.ts";
import type { RecordBatch, RecordQueue } from "../domain/record-queue.ts";
import { untilAborted } from "../platform/time/until-aborted.ts";
import { recordEnds } from "./log-request.ts";
import type { LogRequest } from "./log-request.ts";
import type { OtlpSender, SendOutcome } from "./transport/sender.ts";

/** What becomes of records, for who counts that. */
export interface DeliveryCounts {
  /** The endpoint took so many. */
  readonly exported: (records: number) => void;
  /** A request failed, or a part of it. */
  readonly failed: (reason: string) => void;
  /** So many will never be sent. */
  readonly dropped: (records: number) => void;
}

export interface LogDeliveryOptions extends DeliveryCounts {
  readonly queue: RecordQueue;
  readonly request: LogRequest;
  readonly sender: OtlpSender;
  readonly clock: Clock;
  readonly log: Logger;
  /** Waits between attempts, in milliseconds. */
  readonly backoff: { next(): number; reset(): void };
}

/** Bounds of one request: endpoints take 4 MiB and more. */
const MAX_BYTES = 2 ** 20;
const MAX_RECORDS = 1_024;
/** After so many requests that were taken, larger ones are tried again. */
const GROW_AFTER = 64;
/** One that takes too long over a request gets smaller ones, down to so many records. */
const SLOW_RECORDS = 64;
/** No endpoint is waited for longer than an hour, whatever it asks for. */
const MAX_WAIT_MS = 3_600_000;

/** Whole records, the first of those on loan. */
interface Parcel {
  readonly parts: readonly Uint8Array[];
  readonly records: number;
}

/**
 * Brings the records of a queue to an endpoint, in their order, one request after the other, until
 * it has taken them. What it will never take is dropped and counted.
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

  /** Delivers until the signal aborts, or what there was at the `end` is delivered. Never rejects. */
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
      // Where they are safe, the next process has more time for them.
      if (isEnding && queue.state.durable) return;
      await this.#wait(waitMs, isEnding ? signal : either);
    }
  }

  /** No more records come: tries at once, and ends `run` when the last is delivered. */
  end(): void {
    this.#ending.abort();
  }

  /** Sends one request; answers how long to wait before the next, undefined where that needn't be. */
  async #deliver(batch: RecordBatch, signal: AbortSignal): Promise<number | undefined> {
    const { request, sender, queue, dropped } = this.#options;
    const parcel = cut(batch, this.#maxRecords);
    if (parcel === undefined) {
      const records = (batch.rows[0]?.count ?? 0) - batch.skip;
      this.#failed("damaged", "the queue has records that make no sense: they are dropped", {
        kind: "damaged",
        records,
      });
      dropped(records);
      queue.done(records);
      return undefined;
    }
    const outcome = await sender.send(request.build(parcel.parts), signal);
    if (outcome.kind === "retry" && signal.aborted) return undefined;
    return this.#settle(outcome, parcel.records);
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
        this.#failed("partial_success", "the log endpoint rejected records", {
          err,
          records: lost,
        });
      } else if (err !== "") {
        // The specification's way of saying something about a request that was taken.
        this.#options.log.limited("otlp-logs accepted").warn("the log endpoint warns", { err });
      }
      this.#accepted();
      exported(records - lost);
    } else {
      this.#failed(
        outcome.reason,
        outcome.kind === "rejected"
          ? "the log endpoint refuses records: they are dropped"
          : "a log record is too large for its endpoint: it is dropped",
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
    this.#failed(outcome.reason, "log records can't be sent: they wait", {
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
      log.limited("otlp-again").info("log records are sent again", {
        waiting: queue.state.records,
      });
    }
    this.#isDown = false;
    this.#acceptedInTurn += 1;
    if (this.#acceptedInTurn < GROW_AFTER || this.#maxRecords === MAX_RECORDS) return;
    this.#acceptedInTurn = 0;
    this.#maxRecords = Math.min(this.#maxRecords * 2, MAX_RECORDS);
  }

  /** Counts it, and tells of it once a minute. */
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

/** The first records of a batch, as one request may have them; undefined where they make no sense. */
function cut({ rows, skip }: RecordBatch, maxRecords: number): Parcel | undefined {
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
