import type { DatabaseSync } from "node:sqlite";
import type { RecordRow } from "../domain/record-queue.ts";
import { DamagedError } from "./sqlite.ts";

export const QUEUE_SCHEMA = `
  CREATE TABLE queue (seq INTEGER PRIMARY KEY, count INTEGER NOT NULL, bytes BLOB NOT NULL);`;

export interface QueueTotals {
  readonly records: number;
  readonly bytes: number;
  /** The rows up to this one are removed. */
  readonly headSeq: number;
  /** Number of the newest row ever; 0 if there was none. */
  readonly lastSeq: number;
}

/**
 * The table of queued rows. A removed row is hidden at once, and erased from the file with the next
 * transaction: so removal works on a full disk too. Every method throws what SQLite throws.
 */
export class QueueTable {
  readonly #database: DatabaseSync;
  #records = 0;
  #bytes = 0;
  #headSeq = 0;
  #lastSeq = 0;
  #erasedSeq = 0;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  get totals(): QueueTotals {
    return {
      records: this.#records,
      bytes: this.#bytes,
      headSeq: this.#headSeq,
      lastSeq: this.#lastSeq,
    };
  }

  /** Counts the rows of an earlier process. */
  load(): void {
    const sums = this.#database
      .prepare(
        "SELECT total(count) AS records, total(length(bytes)) AS bytes, min(seq) AS first, max(seq) AS last, min(count) AS least FROM queue",
      )
      .get();
    if (sums === undefined || sums["last"] === null) return;
    this.#records = wholeNumber(sums["records"]);
    this.#bytes = wholeNumber(sums["bytes"]);
    this.#headSeq = wholeNumber(sums["first"]) - 1;
    this.#lastSeq = wholeNumber(sums["last"]);
    this.#erasedSeq = this.#headSeq;
    wholeNumber(sums["least"]);
  }

  /** Inserts rows and erases removed ones, in the caller's transaction. */
  write(rows: readonly RecordRow[]): void {
    if (this.#headSeq > this.#erasedSeq) {
      this.#database.prepare("DELETE FROM queue WHERE seq <= ?").run(this.#headSeq);
    }
    if (rows.length === 0) return;
    const insert = this.#database.prepare("INSERT INTO queue VALUES (?, ?, ?)");
    for (const { seq, count, bytes } of rows) insert.run(seq, count, bytes);
  }

  /** Counts the rows after the caller's transaction is committed. */
  written(rows: readonly RecordRow[]): void {
    this.#erasedSeq = this.#headSeq;
    for (const { seq, count, bytes } of rows) {
      this.#lastSeq = seq;
      this.#records += count;
      this.#bytes += bytes.length;
    }
  }

  /** Returns the oldest rows within a bound in bytes; the first in any case. */
  read(maxBytes: number): RecordRow[] {
    const rows: RecordRow[] = [];
    let total = 0;
    const statement = this.#database.prepare(
      "SELECT seq, count, bytes FROM queue WHERE seq > ? ORDER BY seq",
    );
    for (const row of statement.iterate(this.#headSeq)) {
      const bytes = row["bytes"];
      if (!(bytes instanceof Uint8Array)) throw new DamagedError("a row has no bytes");
      total += bytes.length;
      if (rows.length > 0 && total > maxBytes) break;
      rows.push({ seq: Number(row["seq"]), count: Number(row["count"]), bytes });
    }
    return rows;
  }

  /** Removes all rows up to this one, inclusive. */
  drop(seq: number): void {
    if (seq <= this.#headSeq) return;
    for (const row of this.#sizes()) {
      if (row.seq > seq) break;
      this.#remove(row);
    }
  }

  /** Removes the oldest rows until so many bytes are free. */
  free(bytes: number): void {
    const target = this.#bytes - bytes;
    for (const row of this.#sizes()) {
      if (this.#bytes <= target) break;
      this.#remove(row);
    }
  }

  #remove(row: { readonly seq: number; readonly count: number; readonly bytes: number }): void {
    this.#headSeq = row.seq;
    this.#records -= row.count;
    this.#bytes -= row.bytes;
  }

  *#sizes(): Generator<{ seq: number; count: number; bytes: number }> {
    const statement = this.#database.prepare(
      "SELECT seq, count, length(bytes) AS bytes FROM queue WHERE seq > ? ORDER BY seq",
    );
    for (const row of statement.iterate(this.#headSeq)) {
      yield {
        seq: Number(row["seq"]),
        count: Number(row["count"]),
        bytes: Number(row["bytes"]),
      };
    }
  }
}

/** @throws DamagedError if it isn't positive */
function wholeNumber(value: unknown): number {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new DamagedError("the queue has invalid rows");
}
