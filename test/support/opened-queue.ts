import type { CursorResume } from "../../src/domain/resume.ts";
import type { RecordBatch, RecordQueue } from "../../src/domain/record-queue.ts";
import { directLink, StoreError } from "../../src/storage/store-link.ts";
import type { StoreLink } from "../../src/storage/store-link.ts";
import type { StoreUpdate } from "../../src/storage/store-file.ts";
import { openStore } from "../../src/storage/store.ts";
import type { Store } from "../../src/storage/store.ts";
import { FakeClock } from "./fake-clock.ts";
import { recordedLog } from "./recorded-log.ts";

/** A queue with the store below it, on a clock that a test moves. Its records are numbers. */
export interface OpenedQueue extends AsyncDisposable {
  readonly store: Store;
  readonly queue: RecordQueue;
  readonly clock: FakeClock;
  readonly log: string[];
  /** What became of records that were given up: `queue_full 3`. */
  readonly dropped: string[];
  readonly disk: FaultyDisk;
  cursor: CursorResume | undefined;
  push(numbers: readonly number[]): void;
  /** Lends what there is; undefined where that is nothing. */
  lend(maxBytes?: number): Promise<RecordBatch | undefined>;
  /** Lends, has done with it, and gives the numbers: until nothing is left. */
  drain(): Promise<number[]>;
}

/** What goes wrong with the disk, and what was written to it. */
export interface FaultyDisk {
  commit: StoreError | undefined;
  read: StoreError | undefined;
  /** Commits that were made wait for it. */
  wait: Promise<void> | undefined;
  /** So do reads that are asked for. */
  readWait: Promise<void> | undefined;
  readonly commits: StoreUpdate[];
}

export const NO_ROOM = new StoreError("database or disk is full", false);

export interface QueueSettings {
  /** undefined: in memory. */
  readonly path: string | undefined;
  readonly maxBytes?: number;
  readonly scope?: string;
}

export async function openQueue(settings: QueueSettings): Promise<OpenedQueue> {
  const { path, maxBytes = 1_000_000, scope = "here" } = settings;
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
      link: async () => faulty(await directLink(), disk),
    },
  });
  const { queue } = store;
  if (queue === undefined) throw new Error("there is no queue");
  const opened: OpenedQueue = {
    store,
    queue,
    clock,
    log: lines,
    dropped,
    disk,
    cursor: undefined,
    push(numbers) {
      for (const number of numbers) queue.push(recordOf(number));
    },
    async lend(maxBytes = 2 ** 20) {
      const idle = new AbortController();
      const lent = queue.next(maxBytes, idle.signal);
      const batch = await Promise.race([lent, clock.advance(0).then(() => clock.advance(0))]);
      idle.abort();
      return batch ?? (await lent);
    },
    async drain() {
      const numbers: number[] = [];
      for (let batch = await opened.lend(); batch !== undefined; batch = await opened.lend()) {
        const lent = numbersOf(batch);
        for (const number of lent) numbers.push(number);
        queue.done(lent.length);
      }
      return numbers;
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
  return opened;
}

function faulty(link: StoreLink, disk: FaultyDisk): StoreLink {
  return {
    ...link,
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

/** A record as no other, of eight bytes. */
export function recordOf(number: number): Uint8Array {
  return Buffer.from(`${String(number).padStart(7, "0")};`);
}

/** The numbers of the records that are lent. */
export function numbersOf({ rows, skip }: RecordBatch): number[] {
  const text = rows.map(({ bytes }) => Buffer.from(bytes).toString()).join("");
  const numbers = text.split(";").slice(0, -1).map(Number);
  const counted = rows.reduce((sum, { count }) => sum + count, 0);
  if (counted !== numbers.length) throw new Error(`${numbers.length} records, said ${counted}`);
  return numbers.slice(skip);
}

export function upTo(count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, i) => from + i);
}
