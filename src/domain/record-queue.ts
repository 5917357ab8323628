/** Records that were gathered for a moment, and are kept and sent together. */
export interface RecordRow {
  /** Rises from row to row. */
  readonly seq: number;
  /** How many records are in it; at least one. */
  readonly count: number;
  /** The records, one after the other; where one ends only their maker knows. */
  readonly bytes: Uint8Array;
}

/** The oldest records of a queue, on loan to be sent. */
export interface RecordBatch {
  /** At least one. */
  readonly rows: readonly RecordRow[];
  /** How many records at the beginning of the first row were dealt with before. */
  readonly skip: number;
}

/** What of a queue can be seen from outside. */
export interface QueueState {
  readonly records: number;
  readonly bytes: number;
  /** True while what is put in outlives the process. */
  readonly durable: boolean;
}

/**
 * Records on their way out, in their order. It has a bound in bytes, past which the oldest are
 * dropped; where it is durable, what it gives out is safely stored.
 */
export interface RecordQueue {
  readonly state: QueueState;
  /** Takes a copy of one record, at once and without a fault. */
  push(record: Uint8Array): void;
  /**
   * Lends the oldest records as soon as there are any; undefined when the signal aborts. The loan
   * ends with `done` of all of them, or `release`; there is one at a time. Never rejects.
   *
   * @param maxBytes bound of the rows' bytes together, but for the first, which always comes
   */
  next(maxBytes: number, signal: AbortSignal): Promise<RecordBatch | undefined>;
  /** So many records at the beginning of the loan are dealt with, and leave the queue. */
  done(records: number): void;
  /** What wasn't dealt with of the loan is given back. */
  release(): void;
  /** Stores what was put in, as far as that can be had; never rejects. */
  flush(): Promise<void>;
}
