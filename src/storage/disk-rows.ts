import type { RecordRow } from "../domain/record-queue.ts";
import type { QueueTotals } from "./queue-table.ts";
import { RowList } from "./row-list.ts";
import { StoreError } from "./store-link.ts";
import type { StoreLink } from "./store-link.ts";

/** Rows that are cached in memory: the oldest, which are sent next. */
const CACHE_BYTES = 2 ** 20;

/** The stored rows of a queue, as this side of the link knows them. */
export class DiskRows {
  readonly #link: StoreLink;
  #records: number;
  #bytes: number;
  #headSeq: number;
  #lastSeq: number;
  /** The oldest rows. */
  readonly #cache = new RowList();
  #isCacheWhole: boolean;
  /** The read in progress, which later callers share. */
  #loading: Promise<void> | undefined;
  /** Rows removed while the store frees bytes, which may count them again; undefined: it doesn't. */
  #removedMeanwhile: RecordRow[] | undefined;

  constructor(link: StoreLink, totals: QueueTotals) {
    this.#link = link;
    this.#records = totals.records;
    this.#bytes = totals.bytes;
    this.#headSeq = totals.headSeq;
    this.#lastSeq = totals.lastSeq;
    this.#isCacheWhole = totals.records === 0;
  }

  get records(): number {
    return this.#records;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** True while the store frees bytes. */
  get isFreeing(): boolean {
    return this.#removedMeanwhile !== undefined;
  }

  /** Counts a row that was stored. */
  add(row: RecordRow): void {
    this.#records += row.count;
    this.#bytes += row.bytes.length;
    this.#lastSeq = row.seq;
    if (!this.#isCacheWhole) return;
    if (this.#cache.bytes + row.bytes.length <= CACHE_BYTES) this.#cache.push(row);
    else this.#isCacheWhole = false;
  }

  /**
   * Reads the oldest rows into the cache if it is empty.
   *
   * @throws StoreError
   */
  load(): Promise<void> {
    return (this.#loading ??= this.#load().finally(() => (this.#loading = undefined)));
  }

  async #load(): Promise<void> {
    if (this.#cache.first !== undefined || this.#records === 0) return;
    const rows = await this.#link.read(CACHE_BYTES);
    if (rows.length === 0 && this.#records > 0 && !this.isFreeing) {
      throw new StoreError("it has fewer rows than were stored", true);
    }
    // Some rows may have been removed meanwhile.
    for (const row of rows) if (row.seq > this.#headSeq) this.#cache.push(row);
    this.#isCacheWhole = (rows.at(-1)?.seq ?? this.#lastSeq) >= this.#lastSeq;
  }

  /** Returns the oldest rows of the cache. */
  oldest(maxBytes: number): readonly RecordRow[] {
    return this.#cache.prefix(maxBytes);
  }

  /** Removes the oldest row. Rejects if the store fails to note that. */
  async remove(row: RecordRow): Promise<void> {
    this.#records -= row.count;
    this.#bytes -= row.bytes.length;
    this.#removedMeanwhile?.push(row);
    this.#passed(row.seq);
    await this.#link.drop(row.seq);
  }

  /** Removes rows up to this one that were completed before they were stored. */
  async skip(seq: number): Promise<void> {
    await this.#link.drop(seq);
  }

  /**
   * Evicts the oldest rows until so many bytes are free; calls `evicted` in the same turn, with the
   * number of records and the last row.
   *
   * @throws StoreError
   */
  async free(bytes: number, evicted: (records: number, headSeq: number) => void): Promise<void> {
    this.#removedMeanwhile = [];
    try {
      const freed = await this.#link.free(bytes);
      let { records, bytes: freedBytes } = freed;
      for (const row of this.#removedMeanwhile) {
        if (row.seq > freed.headSeq) continue;
        records -= row.count;
        freedBytes -= row.bytes.length;
      }
      this.#records -= records;
      this.#bytes -= freedBytes;
      this.#passed(freed.headSeq);
      evicted(records, freed.headSeq);
    } finally {
      this.#removedMeanwhile = undefined;
    }
  }

  #passed(seq: number): void {
    this.#headSeq = Math.max(this.#headSeq, seq);
    this.#cache.removeUpTo(seq);
    if (this.#records <= 0) this.#isCacheWhole = true;
  }
}
