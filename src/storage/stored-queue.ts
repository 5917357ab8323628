import type { Clock } from "../domain/clock.ts";
import type { Logger } from "../domain/log.ts";
import type { QueueState, RecordBatch, RecordQueue, RecordRow } from "../domain/record-queue.ts";
import { untilAborted } from "../platform/time/until-aborted.ts";
import type { DiskRows } from "./disk-rows.ts";
import { InFlightBatch } from "./in-flight-batch.ts";
import { RecordGroup } from "./record-group.ts";
import { RowList } from "./row-list.ts";
import { StoreError } from "./store-link.ts";

export interface StoredQueueOptions {
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Stored rows; undefined: all rows are in memory. */
  readonly disk: DiskRows | undefined;
  /** Number of the newest stored row. */
  readonly lastSeq: number;
  readonly dropped: (records: number, reason: "queue_full" | "damaged") => void;
  /** Commits everything soon, and gets the rows by `uncommitted`. Never rejects. */
  readonly commit: () => Promise<void>;
  /** Called if the file still has rows that were removed: the next commit erases them. */
  readonly removed: () => void;
}

/** How long records are grouped before they become a row. */
const GROUP_MS = 200;
const MAX_ROW_BYTES = 65_536;
/** Bytes that are committed at once, without waiting for more. */
const COMMIT_BYTES = 2 ** 19;
const MAX_COMMIT_BYTES = 2 ** 23;
const REREAD_MS = 5_000;

/**
 * A queue whose rows go from memory to the store, and are leased from there. While the store fails,
 * rows are leased from memory.
 */
export class StoredQueue implements RecordQueue {
  readonly #options: StoredQueueOptions;
  readonly #group: RecordGroup;
  /** Rows that aren't stored yet. The first `#committing` of them are being committed. */
  readonly #tail = new RowList();
  #committing = 0;
  #disk: DiskRows | undefined;
  #isDurable: boolean;
  #seq: number;
  #timer: Disposable | undefined;
  #isCommitDue = false;
  #hasRemoved = false;
  readonly #inFlight = new InFlightBatch();
  #arrived = Promise.withResolvers<void>();

  constructor(options: StoredQueueOptions) {
    this.#options = options;
    this.#disk = options.disk;
    this.#isDurable = options.disk !== undefined;
    this.#seq = options.lastSeq;
    this.#group = new RecordGroup(
      Math.min(MAX_ROW_BYTES, Math.max(1, Math.floor(options.maxBytes / 16))),
    );
  }

  get state(): QueueState {
    return {
      records: this.#group.count + this.#tail.records + (this.#disk?.records ?? 0),
      bytes: this.#group.bytes + this.#tail.bytes + (this.#disk?.bytes ?? 0),
      durable: this.#isDurable,
    };
  }

  push(record: Uint8Array): void {
    if (!this.#group.fits(record)) this.#seal();
    this.#group.add(record);
    this.#timer ??= this.#options.clock.setTimeout(() => this.#due(), GROUP_MS);
  }

  async next(maxBytes: number, signal: AbortSignal): Promise<RecordBatch | undefined> {
    while (!signal.aborted) {
      const arrived = this.#arrived.promise;
      await this.#load(signal);
      const rows = this.#oldest(maxBytes);
      if (rows.length > 0) return this.#inFlight.lease(rows);
      if ((this.#disk?.records ?? 0) === 0) await untilAborted(arrived, signal);
    }
    return undefined;
  }

  done(records: number): void {
    this.#inFlight.done(records, (row) => this.#remove(row));
  }

  release(): void {
    this.#drop(this.#inFlight.release());
  }

  async flush(): Promise<void> {
    this.#seal();
    if (this.#disk !== undefined) await this.#options.commit();
  }

  /** Begins a commit: returns the oldest rows that aren't stored, and whether these are all. */
  uncommitted(): { readonly rows: readonly RecordRow[]; readonly isAll: boolean } {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#seal();
    if (this.#disk === undefined) return { rows: [], isAll: true };
    const rows = this.#tail.prefix(MAX_COMMIT_BYTES);
    this.#committing = rows.length;
    return { rows, isAll: rows.length === this.#tail.rows.length };
  }

  /** Returns whether the file has removed rows for the next transaction to erase; once. */
  takeRemoved(): boolean {
    const hasRemoved = this.#hasRemoved;
    this.#hasRemoved = false;
    return hasRemoved;
  }

  /** Ends a commit that stored these rows. */
  committed(rows: readonly RecordRow[]): void {
    this.#committing = 0;
    if (this.#disk === undefined) return;
    this.#isDurable = true;
    let removedSeq: number | undefined;
    for (const row of rows) {
      if (this.#tail.first !== row) removedSeq = row.seq;
      else {
        this.#tail.remove();
        this.#disk.add(row);
      }
    }
    if (removedSeq !== undefined) void this.#noted(this.#disk.skip(removedSeq));
    this.#bound();
    this.#wake();
  }

  /** Ends a commit that failed: its rows are leased from memory until they are stored. */
  failed(error: StoreError): void {
    this.#committing = 0;
    this.#isDurable = false;
    this.#hasRemoved = true;
    if (error.isFinal) this.#abandonDisk(error);
    this.#wake();
  }

  #due(): void {
    this.#timer = undefined;
    if (this.#isDurable) void this.#options.commit();
    else this.#seal();
  }

  #seal(): void {
    if (this.#group.count === 0) return;
    this.#seq += 1;
    this.#tail.push(this.#group.take(this.#seq));
    this.#bound();
    if (!this.#isDurable) this.#wake();
    else if (this.#tail.bytes >= COMMIT_BYTES && !this.#isCommitDue) {
      this.#isCommitDue = true;
      // After the current turn: a commit has the resume point and all records up to it.
      queueMicrotask(() => {
        this.#isCommitDue = false;
        void this.#options.commit();
      });
    }
  }

  #oldest(maxBytes: number): readonly RecordRow[] {
    if (this.#disk !== undefined && this.#disk.records > 0) return this.#disk.oldest(maxBytes);
    return this.#isDurable ? [] : this.#tail.prefix(maxBytes);
  }

  /** Loads the oldest stored rows, unless the signal aborts before the disk answers. */
  async #load(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    try {
      await untilAborted(this.#disk?.load(), signal);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (error.isFinal) this.#abandonDisk(error);
      else {
        log.limited("queue-read").warn("log queue read failed", { err: error });
        await untilAborted(clock.sleep(REREAD_MS), signal);
      }
    }
  }

  /** Drops the stored rows, and keeps all later ones in memory. */
  #abandonDisk(error: StoreError): void {
    const disk = this.#disk;
    if (disk === undefined) return;
    this.#disk = undefined;
    this.#isDurable = false;
    this.#options.log.error("log queue on disk abandoned, records kept in memory", {
      records: disk.records,
      err: error,
    });
    this.#drop(disk.records, "damaged");
  }

  /** Removes a row that is complete. */
  #remove(row: RecordRow): void {
    if (this.#tail.first !== row) void this.#noted(this.#disk?.remove(row));
    else {
      this.#tail.remove();
      this.#committing = Math.max(0, this.#committing - 1);
    }
  }

  /** Waits until the store has noted a removal. If it fails, rows are sent again after a restart. */
  async #noted(work: Promise<void> | undefined): Promise<void> {
    this.#hasRemoved = true;
    this.#options.removed();
    try {
      await work;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#options.log.limited("queue").warn("log queue write failed", { err: error });
    }
  }

  /** Evicts the oldest rows while the queue exceeds its bound: stored ones, if there are any. */
  #bound(): void {
    const { maxBytes } = this.#options;
    const disk = this.#disk;
    // During a commit it is unknown here which rows are stored.
    const isStill = this.#committing === 0 && disk?.isFreeing === false;
    if (isStill && disk.records > 0 && this.state.bytes > maxBytes) {
      void this.#noted(this.#freeDisk(disk));
    }
    const limit = (disk?.records ?? 0) > 0 ? maxBytes + (disk?.bytes ?? 0) : maxBytes;
    // Keeps the rows that are being committed.
    while (this.state.bytes > limit) {
      const row = this.#tail.remove(this.#committing);
      if (row === undefined) return;
      this.#drop(this.#inFlight.evict(row));
    }
  }

  async #freeDisk(disk: DiskRows): Promise<void> {
    const { maxBytes } = this.#options;
    await disk.free(this.state.bytes - maxBytes, (records, headSeq) =>
      this.#drop(this.#inFlight.evictUpTo(headSeq, records)),
    );
    this.#bound();
  }

  #drop(records: number, reason: "queue_full" | "damaged" = "queue_full"): void {
    if (records > 0) this.#options.dropped(records, reason);
  }

  #wake(): void {
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers();
  }
}
