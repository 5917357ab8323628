/** Who is being sent a body: a connection, or the response on one. */
export interface BodyReader {
  destroy(): unknown;
}

/**
 * Bodies that are held until the last of their readers is through. Readers of one rendering share
 * its body; of bodies at a time there are no more than `limit`. One more ends the readers of the
 * oldest: who reads slowly pays for it, not who comes next.
 */
export class HeldBodies {
  readonly #limit: number;
  readonly #readers = new Map<Buffer, Set<BodyReader>>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Notes that `reader` is being sent `body`. Gives the number of readers that were ended for it. */
  hold(body: Buffer, reader: BodyReader): number {
    const readers = this.#readers.get(body);
    if (readers !== undefined) {
      readers.add(reader);
      return 0;
    }
    let ended = 0;
    for (const [oldest, slow] of this.#readers) {
      if (this.#readers.size < this.#limit) break;
      this.#readers.delete(oldest);
      for (const each of slow) each.destroy();
      ended += slow.size;
    }
    this.#readers.set(body, new Set([reader]));
    return ended;
  }

  /** Notes that `reader` is through with its body, or has gone. */
  release(reader: BodyReader): void {
    for (const [body, readers] of this.#readers) {
      if (readers.delete(reader) && readers.size === 0) this.#readers.delete(body);
    }
  }
}
