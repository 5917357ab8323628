import type { RecordRow } from "../domain/record-queue.ts";

const FIRST_BYTES = 4_096;
/** More than one request has: so that few rows are sent in parts. */
const MAX_RECORDS = 512;

/** Gathers records until they are made a row. */
export class RecordGroup {
  readonly #maxBytes: number;
  #buffer = new Uint8Array(FIRST_BYTES);
  #length = 0;
  #count = 0;

  /** @param maxBytes bound of a row; a record that is longer has one for itself */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#length;
  }

  get count(): number {
    return this.#count;
  }

  /** False where a row is to be made first. */
  fits(record: Uint8Array): boolean {
    if (this.#count === 0) return true;
    return this.#count < MAX_RECORDS && this.#length + record.length <= this.#maxBytes;
  }

  add(record: Uint8Array): void {
    const end = this.#length + record.length;
    if (end > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(end, this.#buffer.length * 2));
      larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    this.#buffer.set(record, this.#length);
    this.#length = end;
    this.#count += 1;
  }

  /** Makes a row of what was gathered, and begins anew. The row has a buffer for itself. */
  take(seq: number): RecordRow {
    const row = { seq, count: this.#count, bytes: this.#buffer.slice(0, this.#length) };
    this.#length = 0;
    this.#count = 0;
    // One huge record doesn't take its memory for good.
    if (this.#buffer.length > this.#maxBytes * 2) this.#buffer = new Uint8Array(FIRST_BYTES);
    return row;
  }
}
