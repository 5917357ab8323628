import type { CursorResume } from "../../src/domain/resume.ts";
import type { RecordBatch, RecordQueue } from "../../src/domain/record-queue.ts";
import type { DiskSync } from "../../src/storage/disk-sync.ts";
import { StoreError, storeLink } from "../../src/storage/store-link.ts";
import type { StoreLink } from "../../src/storage/store-link.ts";
import type { StoreUpdate } from "../../src/storage/store-file.ts";
import { openStore } from "../../src/storage/store.ts";
import type { Store } from "../../src/storage/store.ts";
import { FakeClock } from "./fake-clock.ts";
import { recordedLog } from "./recorded-log.ts";

/** Queue with its store, on a fake clock. Its records are numbers. */
export interface OpenedQueue extends AsyncDisposable {
  readonly store: Store;
  readonly queue: RecordQueue;
  readonly clock: FakeClock;
  readonly log: string[];
  /** Dropped records by reason: `queue_full 3`. */
  readonly dropped: string[];
  readonly disk: FaultyDisk;
  cursor: CursorResume | undefined;
  push(numbers: readonly number[]): void;
  /** Leases the records that are queued; undefined if the queue is empty. */
  lease(maxBytes?: number): Promise<RecordBatch | undefined>;
  /** Leases and acknowledges all records; returns their numbers. */
  drain(): Promise<number[]>;
}

/** Errors and delays of the disk, and the commits. */
export interface FaultyDisk {
  commit: StoreError | undefined;
  read: StoreError | undefined;
  /** Commits await it. */
  wait: Promise<void> | undefined;
  /** Reads await it. */
  readWait: Promise<void> | undefined;
  readonly commits: StoreUpdate[];
}

export const NO_ROOM = new StoreError("database or disk is full", false);

export interface QueueSettings {
  /** Undefined: in memory. */
  readonly path: string | undefined;
  readonly maxBytes?: number;
  /** Default 8. */
  readonly recordBytes?: number;
  readonly scope?: string;
}

export async function openQueue(settings: QueueSettings): Promise<OpenedQueue> {
  const { path, maxBytes = 1_000_000, recordBytes = 8, scope = "here" } = settings;
  const clock = new FakeClock();
  const { log, lines } = recordedLog(clock);
  const dropped: string[] = [];
  const disk: FaultyDisk = {
    commit: undefined,
    read: undefined,
    wait: undefined,
    readWait: undefined,
    commits: [],
  };
  const store = await openStore({
    path,
    scope,
    clock,
    log,
    cursor: () => opened.cursor,
    container: () => undefined,
    queue: {
      maxBytes,
      dropped: (records, reason) => void dropped.push(`${reason} ${records}`),
      link: async () => faulty(await storeLink(() => NO_SYNC), disk),
    },
  });
  const { queue } = store;
  if (queue === undefined) throw new Error("no queue");
  const opened: OpenedQueue = {
    store,
    queue,
    clock,
    log: lines,
    dropped,
    disk,
    cursor: undefined,
    push(numbers) {
      for (const number of numbers) queue.push(recordOf(number, recordBytes));
    },
    async lease(maxBytes = 2 ** 20) {
      const idle = new AbortController();
      const leased = queue.next(maxBytes, idle.signal);
      const batch = await Promise.race([leased, clock.advance(0).then(() => clock.advance(0))]);
      idle.abort();
      return batch ?? (await leased);
    },
    async drain() {
      const numbers: number[] = [];
      for (let batch = await opened.lease(); batch !== undefined; batch = await opened.lease()) {
        const leased = numbersOf(batch);
        for (const number of leased) numbers.push(number);
        queue.done(leased.length);
      }
      return numbers;
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
  return opened;
}

/** Needs no turn of the event loop. */
export const NO_SYNC: DiskSync = {
  journal: () => Promise.resolve(),
  database: () => Promise.resolve(),
  close: () => Promise.resolve(),
};

function faulty(link: StoreLink, disk: FaultyDisk): StoreLink {
  return {
    open: (place) => link.open(place),
    drop: (seq) => link.drop(seq),
    free: (bytes) => link.free(bytes),
    close: () => link.close(),
    async commit(update) {
      if (disk.wait !== undefined) await disk.wait;
      if (disk.commit !== undefined) throw disk.commit;
      await link.commit(update);
      disk.commits.push(update);
    },
    async read(maxBytes) {
      if (disk.readWait !== undefined) await disk.readWait;
      if (disk.read !== undefined) throw disk.read;
      return link.read(maxBytes);
    },
  };
}

/** Returns a unique record. */
export function recordOf(number: number, bytes = 8): Uint8Array {
  return Buffer.from(`${String(number).padStart(bytes - 1, "0")};`);
}

/** Returns the numbers of the leased records. */
export function numbersOf({ rows, skip }: RecordBatch): number[] {
  const text = rows.map(({ bytes }) => Buffer.from(bytes).toString()).join("");
  const numbers = text.split(";").slice(0, -1).map(Number);
  const counted = rows.reduce((sum, { count }) => sum + count, 0);
  if (counted !== numbers.length) throw new Error(`${numbers.length} records, counted ${counted}`);
  return numbers.slice(skip);
}

export function upTo(count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, i) => from + i);
}
