import type { RecordRow } from "../domain/record-queue.ts";
import type { QueueTotals } from "./queue-table.ts";
import { RowList } from "./row-list.ts";
import { StoreError } from "./store-link.ts";
import type { StoreLink } from "./store-link.ts";

/** How much of what is on disk is in memory too: the oldest, which are sent next. */
const HELD_BYTES = 2 ** 20;

/** The rows of a queue that are stored, as this side of the link knows them. */
export class DiskRows {
  readonly #link: StoreLink;
  #records: number;
  #bytes: number;
  #headSeq: number;
  #lastSeq: number;
  /** The oldest of them. */
  readonly #held = new RowList();
  /** True where these are all. */
  #isHeldAll: boolean;
  /** Reading is under way: who asks meanwhile waits for the same. */
  #loading: Promise<void> | undefined;
  /** Left while the store was asked for room, and may be counted there once more; undefined: not asked. */
  #leftMeanwhile: RecordRow[] | undefined;

  constructor(link: StoreLink, totals: QueueTotals) {
    this.#link = link;
    this.#records = totals.records;
    this.#bytes = totals.bytes;
    this.#headSeq = totals.headSeq;
    this.#lastSeq = totals.lastSeq;
    this.#isHeldAll = totals.records === 0;
  }

  get records(): number {
    return this.#records;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** True while the store is asked for room. */
  get isFreeing(): boolean {
    return this.#leftMeanwhile !== undefined;
  }

  /** A row was stored. */
  add(row: RecordRow): void {
    this.#records += row.count;
    this.#bytes += row.bytes.length;
    this.#lastSeq = row.seq;
    if (!this.#isHeldAll) return;
    if (this.#held.bytes + row.bytes.length <= HELD_BYTES) this.#held.push(row);
    else this.#isHeldAll = false;
  }

  /**
   * Reads the oldest rows, unless they are in memory.
   *
   * @throws StoreError
   */
  load(): Promise<void> {
    return (this.#loading ??= this.#load().finally(() => (this.#loading = undefined)));
  }

  async #load(): Promise<void> {
    if (this.#held.first !== undefined || this.#records === 0) return;
    const rows = await this.#link.read(HELD_BYTES);
    if (rows.length === 0 && this.#records > 0 && !this.isFreeing) {
      throw new StoreError("it has fewer rows than were stored", true);
    }
    // Some of them may have left meanwhile.
    for (const row of rows) if (row.seq > this.#headSeq) this.#held.push(row);
    this.#isHeldAll = (rows.at(-1)?.seq ?? this.#lastSeq) >= this.#lastSeq;
  }

  /** The oldest rows of those in memory. */
  oldest(maxBytes: number): readonly RecordRow[] {
    return this.#held.prefix(maxBytes);
  }

  /** The oldest row is dealt with. Rejects where the store isn't told. */
  async leave(row: RecordRow): Promise<void> {
    this.#records -= row.count;
    this.#bytes -= row.bytes.length;
    this.#leftMeanwhile?.push(row);
    this.#passed(row.seq);
    await this.#link.drop(row.seq);
  }

  /** A row was stored that had been dealt with before. */
  async skip(seq: number): Promise<void> {
    await this.#link.drop(seq);
  }

  /**
   * Has the oldest rows leave, until so many bytes are free, and tells in the same turn which they
   * are: so many records, up to this row.
   *
   * @throws StoreError
   */
  async free(bytes: number, tell: (records: number, headSeq: number) => void): Promise<void> {
    this.#leftMeanwhile = [];
    try {
      const freed = await this.#link.free(bytes);
      let { records, bytes: freedBytes } = freed;
      for (const row of this.#leftMeanwhile) {
        if (row.seq > freed.headSeq) continue;
        records -= row.count;
        freedBytes -= row.bytes.length;
      }
      this.#records -= records;
      this.#bytes -= freedBytes;
      this.#passed(freed.headSeq);
      tell(records, freed.headSeq);
    } finally {
      this.#leftMeanwhile = undefined;
    }
  }

  #passed(seq: number): void {
    this.#headSeq = Math.max(this.#headSeq, seq);
    this.#held.removeUpTo(seq);
    if (this.#records <= 0) this.#isHeldAll = true;
  }
}
