import type { QueueState, RecordBatch, RecordQueue, RecordRow } from "../domain/record-queue.ts";
import { untilAborted } from "../platform/time/until-aborted.ts";
import type { DiskRows } from "./disk-rows.ts";
import type { StoredQueueOptions } from "./queue-options.ts";
import { RecordGroup } from "./record-group.ts";
import { InFlightBatch } from "./in-flight-batch.ts";
import { RowList } from "./row-list.ts";
import { StoreError } from "./store-link.ts";

/** How long records are gathered before they are made a row. */
const GROUP_MS = 200;
const MAX_ROW_BYTES = 65_536;
/** So much is stored at once without waiting for more. */
const COMMIT_BYTES = 2 ** 19;
const MAX_COMMIT_BYTES = 2 ** 23;
/** How long to wait with the next attempt where reading fails. */
const REREAD_MS = 5_000;

/**
 * A queue whose rows go from memory to the store, and are lent from there. While nothing can be
 * stored, they are lent from memory.
 */
export class StoredQueue implements RecordQueue {
  readonly #options: StoredQueueOptions;
  readonly #group: RecordGroup;
  /** Rows that aren't stored, of which the first so many are being stored. */
  readonly #tail = new RowList();
  #committing = 0;
  #disk: DiskRows | undefined;
  #isDurable: boolean;
  #seq: number;
  #timer: Disposable | undefined;
  #isCommitDue = false;
  #hasLeft = false;
  readonly #loans = new InFlightBatch();
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
      if (rows.length > 0) return this.#loans.lend(rows);
      if ((this.#disk?.records ?? 0) === 0) await untilAborted(arrived, signal);
    }
    return undefined;
  }

  done(records: number): void {
    this.#loans.done(records, (row) => this.#leave(row));
  }

  release(): void {
    this.#drop(this.#loans.release());
  }

  async flush(): Promise<void> {
    this.#seal();
    if (this.#disk !== undefined) await this.#options.commit();
  }

  /** The oldest rows that aren't stored, and whether they are all; they are being stored from now on. */
  uncommitted(): { readonly rows: readonly RecordRow[]; readonly isAll: boolean } {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#seal();
    if (this.#disk === undefined) return { rows: [], isAll: true };
    const rows = this.#tail.prefix(MAX_COMMIT_BYTES);
    this.#committing = rows.length;
    return { rows, isAll: rows.length === this.#tail.rows.length };
  }

  /** True where the file has rows that have left, which the next transaction erases. */
  takeLeft(): boolean {
    const hasLeft = this.#hasLeft;
    this.#hasLeft = false;
    return hasLeft;
  }

  /** These rows are stored. */
  committed(rows: readonly RecordRow[]): void {
    this.#committing = 0;
    if (this.#disk === undefined) return;
    this.#isDurable = true;
    let leftSeq: number | undefined;
    for (const row of rows) {
      if (this.#tail.first !== row) leftSeq = row.seq;
      else {
        this.#tail.remove();
        this.#disk.add(row);
      }
    }
    if (leftSeq !== undefined) void this.#told(this.#disk.skip(leftSeq));
    this.#bound();
    this.#wake();
  }

  /** They aren't: they are lent from memory until they are. */
  failed(error: StoreError): void {
    this.#committing = 0;
    this.#isDurable = false;
    this.#hasLeft = true;
    if (error.isFinal) this.#giveUpDisk(error);
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
      // Not before what is under way is at its end: where we are and what was told belong together.
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

  /** Has the oldest of what is on disk in memory, unless the signal aborts before the disk answers. */
  async #load(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    try {
      await untilAborted(this.#disk?.load(), signal);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (error.isFinal) this.#giveUpDisk(error);
      else {
        log.limited("queue-read").warn("the queue can't be read", { err: error });
        await untilAborted(clock.sleep(REREAD_MS), signal);
      }
    }
  }

  /** From now on everything is in memory. */
  #giveUpDisk(error: StoreError): void {
    const disk = this.#disk;
    if (disk === undefined) return;
    this.#disk = undefined;
    this.#isDurable = false;
    this.#options.log.error("the queue on disk is given up: log records wait in memory", {
      records: disk.records,
      err: error,
    });
    this.#drop(disk.records, "damaged");
  }

  /** A row is wholly dealt with. */
  #leave(row: RecordRow): void {
    if (this.#tail.first !== row) void this.#told(this.#disk?.leave(row));
    else {
      this.#tail.remove();
      this.#committing = Math.max(0, this.#committing - 1);
    }
  }

  /** Where the store isn't told that rows have left, they are sent again after a restart. */
  async #told(told: Promise<void> | undefined): Promise<void> {
    this.#hasLeft = true;
    this.#options.left();
    try {
      await told;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#options.log.limited("queue").warn("the queue can't be written", { err: error });
    }
  }

  /** Keeps the bound: the oldest leave, which are on disk where anything is. */
  #bound(): void {
    const { maxBytes } = this.#options;
    const disk = this.#disk;
    // While rows are being stored, it isn't known here which ones are.
    const isStill = this.#committing === 0 && disk?.isFreeing === false;
    if (isStill && disk.records > 0 && this.state.bytes > maxBytes) {
      void this.#told(this.#freeDisk(disk));
    }
    const limit = (disk?.records ?? 0) > 0 ? maxBytes + (disk?.bytes ?? 0) : maxBytes;
    // What is just being stored is left alone.
    while (this.state.bytes > limit) {
      const row = this.#tail.remove(this.#committing);
      if (row === undefined) return;
      this.#drop(this.#loans.lose(row));
    }
  }

  async #freeDisk(disk: DiskRows): Promise<void> {
    const { maxBytes } = this.#options;
    await disk.free(this.state.bytes - maxBytes, (records, headSeq) =>
      this.#drop(this.#loans.loseUpTo(headSeq, records)),
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
