import type { RecordBatch, RecordRow } from "../domain/record-queue.ts";

interface Loan {
  readonly batch: RecordBatch;
  /** The first row that isn't wholly dealt with, and how many of its records are. */
  at: number;
  doneInRow: number;
  /** Rows that the bound cost the queue meanwhile: it may be that they are sent all the same. */
  readonly lost: Set<number>;
}

/** Records on loan, one batch at a time, and what became of them so far. */
export class InFlightBatch {
  #loan: Loan | undefined;
  /** Of the queue's first row so many records were dealt with. */
  #skip: { readonly seq: number; readonly records: number } | undefined;

  /** @param rows the oldest of the queue; at least one */
  lend(rows: readonly RecordRow[]): RecordBatch {
    const skip = this.#skip?.seq === rows[0]?.seq ? (this.#skip?.records ?? 0) : 0;
    this.#skip = undefined;
    const batch = { rows, skip };
    this.#loan = { batch, at: 0, doneInRow: skip, lost: new Set() };
    return batch;
  }

  /** Records are dealt with; tells of each row that is wholly, and is still in the queue. */
  done(records: number, leave: (row: RecordRow) => void): void {
    const loan = this.#loan;
    for (let left = records; left > 0;) {
      const row = loan?.batch.rows[loan.at];
      if (loan === undefined || row === undefined) {
        throw new RangeError("more records are done than were lent");
      }
      const part = Math.min(left, row.count - loan.doneInRow);
      left -= part;
      loan.doneInRow += part;
      if (loan.doneInRow < row.count) continue;
      if (!loan.lost.has(row.seq)) leave(row);
      loan.at += 1;
      loan.doneInRow = 0;
    }
    if (loan?.at === loan?.batch.rows.length) this.#loan = undefined;
  }

  /** Ends the loan; answers how many of its records are lost. */
  release(): number {
    let lost = 0;
    for (const [i, row] of this.#rest().entries()) {
      const done = i === 0 ? (this.#loan?.doneInRow ?? 0) : 0;
      if (this.#loan?.lost.has(row.seq) === true) lost += row.count - done;
      else if (done > 0) this.#skip = { seq: row.seq, records: done };
    }
    this.#loan = undefined;
    return lost;
  }

  /** A row leaves because of the bound; answers how many records that loses for sure. */
  lose(row: RecordRow): number {
    if (this.#rest().includes(row)) {
      this.#loan?.lost.add(row.seq);
      return 0;
    }
    return row.count - (this.#skip?.seq === row.seq ? this.#forgetSkip(row.seq) : 0);
  }

  /** All rows up to this one leave, of so many records together; answers as `lose`. */
  loseUpTo(headSeq: number, records: number): number {
    let lost = records;
    for (const row of this.#rest()) {
      if (row.seq > headSeq) break;
      if (this.#loan?.lost.has(row.seq) !== false) continue;
      this.#loan.lost.add(row.seq);
      lost -= row.count;
    }
    return lost - this.#forgetSkip(headSeq);
  }

  #rest(): readonly RecordRow[] {
    return this.#loan?.batch.rows.slice(this.#loan.at) ?? [];
  }

  #forgetSkip(seq: number): number {
    if (this.#skip === undefined || this.#skip.seq > seq) return 0;
    const { records } = this.#skip;
    this.#skip = undefined;
    return records;
  }
}
