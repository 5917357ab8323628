/** Records that were gathered for a moment, and are stored and sent together. */
export interface RecordRow {
  /** Rises from row to row. */
  readonly seq: number;
  /** Number of its records; at least one. */
  readonly count: number;
  /** The records, one after the other; their encoder knows where each ends. */
  readonly bytes: Uint8Array;
}

/** The oldest records of a queue, leased to be sent. */
export interface RecordBatch {
  /** At least one. */
  readonly rows: readonly RecordRow[];
  /** Number of records at the start of the first row that were acknowledged before. */
  readonly skip: number;
}

export interface QueueState {
  readonly records: number;
  readonly bytes: number;
  /** True while records outlive the process. */
  readonly durable: boolean;
}

/**
 * Records to be sent, in their order. It is bounded in bytes, and drops the oldest past that. If it
 * is durable, the records that it leases are stored.
 */
export interface RecordQueue {
  readonly state: QueueState;
  /** Copies one record into the queue, at once. Never throws. */
  push(record: Uint8Array): void;
  /**
   * Leases the oldest records as soon as there are any; undefined when the signal aborts. The lease
   * ends with `done` of all of them, or `release`; there is one at a time. Never rejects.
   *
   * @param maxBytes bound of the rows' bytes in all, except for the first, which is always leased
   */
  next(maxBytes: number, signal: AbortSignal): Promise<RecordBatch | undefined>;
  /** Acknowledges so many records at the start of the lease, and removes them from the queue. */
  done(records: number): void;
  /** Returns the records of the lease that weren't acknowledged. */
  release(): void;
  /** Stores all records, if the store is available. Never rejects. */
  flush(): Promise<void>;
}
