import type { RecordBatch, RecordRow } from "../domain/record-queue.ts";

interface Lease {
  readonly batch: RecordBatch;
  /** The first row that isn't complete, and how many of its records are. */
  at: number;
  doneInRow: number;
  /** Rows that the queue evicted meanwhile: they may be sent all the same. */
  readonly evicted: Set<number>;
}

/** The records that are leased to be sent, one batch at a time, and how many of them are complete. */
export class InFlightBatch {
  #lease: Lease | undefined;
  /** Records of the queue's first row that are complete. */
  #skip: { readonly seq: number; readonly records: number } | undefined;

  /** @param rows the oldest of the queue; at least one */
  lease(rows: readonly RecordRow[]): RecordBatch {
    const skip = this.#skip?.seq === rows[0]?.seq ? (this.#skip?.records ?? 0) : 0;
    this.#skip = undefined;
    const batch = { rows, skip };
    this.#lease = { batch, at: 0, doneInRow: skip, evicted: new Set() };
    return batch;
  }

  /** Completes the first records. Calls `remove` for each row that is complete and not evicted. */
  done(records: number, remove: (row: RecordRow) => void): void {
    const lease = this.#lease;
    for (let rest = records; rest > 0;) {
      const row = lease?.batch.rows[lease.at];
      if (lease === undefined || row === undefined) {
        throw new RangeError("more records are done than were leased");
      }
      const part = Math.min(rest, row.count - lease.doneInRow);
      rest -= part;
      lease.doneInRow += part;
      if (lease.doneInRow < row.count) continue;
      if (!lease.evicted.has(row.seq)) remove(row);
      lease.at += 1;
      lease.doneInRow = 0;
    }
    if (lease?.at === lease?.batch.rows.length) this.#lease = undefined;
  }

  /** Ends the lease; returns how many of its records were evicted and never completed. */
  release(): number {
    let dropped = 0;
    for (const [i, row] of this.#incomplete().entries()) {
      const done = i === 0 ? (this.#lease?.doneInRow ?? 0) : 0;
      if (this.#lease?.evicted.has(row.seq) === true) dropped += row.count - done;
      else if (done > 0) this.#skip = { seq: row.seq, records: done };
    }
    this.#lease = undefined;
    return dropped;
  }

  /** Notes that the queue evicts a row; returns how many records that drops for sure. */
  evict(row: RecordRow): number {
    if (this.#incomplete().includes(row)) {
      this.#lease?.evicted.add(row.seq);
      return 0;
    }
    return row.count - (this.#skip?.seq === row.seq ? this.#clearSkip(row.seq) : 0);
  }

  /** Notes that the queue evicts all rows up to this one, of so many records; returns as `evict`. */
  evictUpTo(headSeq: number, records: number): number {
    let dropped = records;
    for (const row of this.#incomplete()) {
      if (row.seq > headSeq) break;
      if (this.#lease?.evicted.has(row.seq) !== false) continue;
      this.#lease.evicted.add(row.seq);
      dropped -= row.count;
    }
    return dropped - this.#clearSkip(headSeq);
  }

  #incomplete(): readonly RecordRow[] {
    return this.#lease?.batch.rows.slice(this.#lease.at) ?? [];
  }

  #clearSkip(seq: number): number {
    if (this.#skip === undefined || this.#skip.seq > seq) return 0;
    const { records } = this.#skip;
    this.#skip = undefined;
    return records;
  }
}
