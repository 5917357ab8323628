import type { RecordRow } from "../domain/record-queue.ts";

/** Rows in memory, oldest first, with their sums. */
export class RowList {
  readonly rows: RecordRow[] = [];
  #records = 0;
  #bytes = 0;

  get records(): number {
    return this.#records;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get first(): RecordRow | undefined {
    return this.rows[0];
  }

  push(row: RecordRow): void {
    this.rows.push(row);
    this.#records += row.count;
    this.#bytes += row.bytes.length;
  }

  /** Removes one row, by default the oldest. */
  remove(at = 0): RecordRow | undefined {
    const row = at === 0 ? this.rows.shift() : this.rows.splice(at, 1)[0];
    this.#records -= row?.count ?? 0;
    this.#bytes -= row?.bytes.length ?? 0;
    return row;
  }

  /** Removes all rows up to this one, inclusive. */
  removeUpTo(seq: number): void {
    while (this.first !== undefined && this.first.seq <= seq) this.remove();
  }

  /** Returns the oldest rows within a bound in bytes; the first in any case. */
  prefix(maxBytes: number): RecordRow[] {
    let total = 0;
    const end = this.rows.findIndex(({ bytes }, i) => (total += bytes.length) > maxBytes && i > 0);
    return this.rows.slice(0, end < 0 ? this.rows.length : end);
  }
}
