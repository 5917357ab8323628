import type { RecordRow } from "../domain/record-queue.ts";
import { ByteBuffer } from "../platform/data/byte-buffer.ts";

const FIRST_BYTES = 4_096;
/** Half of a request's records, so that few rows are sent in parts. */
const MAX_RECORDS = 512;

/** Groups records until they become a row. */
export class RecordGroup {
  readonly #maxBytes: number;
  readonly #bytes = new ByteBuffer({ minBytes: FIRST_BYTES });
  #count = 0;

  /** @param maxBytes bound of a row; a longer record becomes a row by itself */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes.end;
  }

  get count(): number {
    return this.#count;
  }

  /** Returns false if the group has to become a row first. */
  fits(record: Uint8Array): boolean {
    if (this.#count === 0) return true;
    return this.#count < MAX_RECORDS && this.#bytes.end + record.length <= this.#maxBytes;
  }

  add(record: Uint8Array): void {
    this.#bytes.append(record);
    this.#count += 1;
  }

  /** Returns the group as a row, with bytes of its own, and begins again. */
  take(seq: number): RecordRow {
    const row = { seq, count: this.#count, bytes: new Uint8Array(this.#bytes.written) };
    this.#count = 0;
    // A single huge record would keep its memory otherwise.
    this.#bytes.clear(this.#maxBytes * 2);
    return row;
  }
}
