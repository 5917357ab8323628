import type { Clock } from "../domain/clock.ts";
import type { Logger } from "../domain/log.ts";
import type { DiskRows } from "./disk-rows.ts";

/** What a queue is built from. */
export interface StoredQueueOptions {
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** What is stored; undefined: everything stays in memory. */
  readonly disk: DiskRows | undefined;
  /** Of the newest row that is stored. */
  readonly lastSeq: number;
  /** Records were given up. */
  readonly dropped: (records: number, reason: "queue_full" | "damaged") => void;
  /** Has everything stored, soon; rows are asked for by `uncommitted`. Never rejects. */
  readonly commit: () => Promise<void>;
  /** Rows have left that the file still has: they are to be erased some time. */
  readonly left: () => void;
}
