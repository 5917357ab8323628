import type { RecordRow } from "../domain/record-queue.ts";
import { ByteBuffer } from "../platform/data/byte-buffer.ts";

const FIRST_BYTES = 4_096;
/** More than one request has: so that few rows are sent in parts. */
const MAX_RECORDS = 512;

/** Gathers records until they are made a row. */
export class RecordGroup {
  readonly #maxBytes: number;
  readonly #bytes = new ByteBuffer({ minBytes: FIRST_BYTES });
  #count = 0;

  /** @param maxBytes bound of a row; a record that is longer has one for itself */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes.end;
  }

  get count(): number {
    return this.#count;
  }

  /** False where a row is to be made first. */
  fits(record: Uint8Array): boolean {
    if (this.#count === 0) return true;
    return this.#count < MAX_RECORDS && this.#bytes.end + record.length <= this.#maxBytes;
  }

  add(record: Uint8Array): void {
    this.#bytes.append(record);
    this.#count += 1;
  }

  /** Makes a row of what was gathered, and begins again. The row has a buffer for itself. */
  take(seq: number): RecordRow {
    const row = { seq, count: this.#count, bytes: new Uint8Array(this.#bytes.written) };
    this.#count = 0;
    // One huge record doesn't take its memory for good.
    this.#bytes.clear(this.#maxBytes * 2);
    return row;
  }
}
