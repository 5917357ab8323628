import type { DatabaseSync } from "node:sqlite";
import type { RecordRow } from "../domain/record-queue.ts";
import { DamagedError } from "./sqlite-errors.ts";

export const QUEUE_SCHEMA = `
  CREATE TABLE queue (seq INTEGER PRIMARY KEY, count INTEGER NOT NULL, bytes BLOB NOT NULL);`;

/** What is in the table. */
export interface QueueTotals {
  readonly records: number;
  readonly bytes: number;
  /** The oldest row that is still wanted is the first after this. */
  readonly headSeq: number;
  /** Of the newest row that ever was; 0 where none was. */
  readonly lastSeq: number;
}

/**
 * The table of rows that wait. What leaves it is gone at once for whoever reads it, and in the file
 * with the next transaction: so it can be left on a disk that is full, too. Every method throws what
 * SQLite does.
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

  /** Counts what an earlier process left. */
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

  /** Writes inside of the caller's transaction, and erases what has left. */
  write(rows: readonly RecordRow[]): void {
    if (this.#headSeq > this.#erasedSeq) {
      this.#database.prepare("DELETE FROM queue WHERE seq <= ?").run(this.#headSeq);
    }
    if (rows.length === 0) return;
    const insert = this.#database.prepare("INSERT INTO queue VALUES (?, ?, ?)");
    for (const { seq, count, bytes } of rows) insert.run(seq, count, bytes);
  }

  /** The caller's transaction was committed. */
  written(rows: readonly RecordRow[]): void {
    this.#erasedSeq = this.#headSeq;
    for (const { seq, count, bytes } of rows) {
      this.#lastSeq = seq;
      this.#records += count;
      this.#bytes += bytes.length;
    }
  }

  /** The oldest rows, of so many bytes together, but for the first, which always comes. */
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

  /** What is up to this row, itself included, has left. */
  drop(seq: number): void {
    if (seq <= this.#headSeq) return;
    for (const row of this.#sizes()) {
      if (row.seq > seq) break;
      this.#leave(row);
    }
  }

  /** Has the oldest rows leave until so many bytes are free. */
  free(bytes: number): void {
    const target = this.#bytes - bytes;
    for (const row of this.#sizes()) {
      if (this.#bytes <= target) break;
      this.#leave(row);
    }
  }

  #leave(row: { readonly seq: number; readonly count: number; readonly bytes: number }): void {
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

/** @throws {@link DamagedError} where it is none above zero */
function wholeNumber(value: unknown): number {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new DamagedError("the queue has rows that make no sense");
}
