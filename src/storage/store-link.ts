import { asError } from "../platform/data/as-error.ts";
import type { RecordRow } from "../domain/record-queue.ts";
import type { QueueTotals } from "./queue-table.ts";
import { isBusy, isDamage, loadSqlite } from "./sqlite.ts";
import { openStoreFile } from "./store-file.ts";
import type { OpenedFile, StoreFile, StorePlace, StoreUpdate } from "./store-file.ts";

/** The result of opening a file. */
export interface StoreOpened extends Omit<OpenedFile, "file"> {
  readonly totals: QueueTotals;
}

/** The operations of a store file, done in order. */
export interface StoreCalls {
  open(place: StorePlace): StoreOpened;
  commit(update: StoreUpdate): void;
  read(maxBytes: number): readonly RecordRow[];
  drop(seq: number): void;
  free(bytes: number): QueueTotals;
  close(): void;
}

/** Calls the operations, perhaps in another thread. Every call rejects with a {@link StoreError}. */
export type StoreLink = {
  readonly [Name in keyof StoreCalls]: (
    ...args: Parameters<StoreCalls[Name]>
  ) => Promise<Awaited<ReturnType<StoreCalls[Name]>>>;
};

/** An operation failed. The message is for people. */
export class StoreError extends Error {
  override name = "StoreError";
  /** All later operations fail too: the file is damaged, or its thread has ended. */
  readonly isFinal: boolean;

  constructor(message: string, isFinal: boolean) {
    super(message);
    this.isFinal = isFinal;
  }
}

export function storeErrorOf(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const { message } = asError(error);
  return new StoreError(isBusy(error) ? "another process uses it" : message, isDamage(error));
}

/** Returns the operations, on a file that `open` opens. */
export async function storeCalls(): Promise<StoreCalls> {
  const sqlite = await loadSqlite();
  let opened: StoreFile | undefined;
  const file = (): StoreFile => {
    if (opened === undefined) throw new StoreError("it isn't open", false);
    return opened;
  };
  return {
    open(place) {
      const { file, ...rest } = openStoreFile(sqlite, place);
      opened = file;
      return { ...rest, totals: file.totals };
    },
    commit: (update) => file().commit(update),
    read: (maxBytes) => file().read(maxBytes),
    drop: (seq) => file().drop(seq),
    free: (bytes) => file().free(bytes),
    close() {
      opened?.close();
      opened = undefined;
    },
  };
}

/** Returns a link without a thread: the caller waits for the disk. */
export async function directLink(): Promise<StoreLink> {
  const calls = await storeCalls();
  const link =
    <Args extends unknown[], Result>(call: (...args: Args) => Result) =>
    // Runs at once, within the call.
    async (...args: Args): Promise<Awaited<Result>> => {
      try {
        return await call(...args);
      } catch (error) {
        throw storeErrorOf(error);
      }
    };
  return {
    open: link((place: StorePlace) => calls.open(place)),
    commit: link((update: StoreUpdate) => calls.commit(update)),
    read: link((maxBytes: number) => calls.read(maxBytes)),
    drop: link((seq: number) => calls.drop(seq)),
    free: link((bytes: number) => calls.free(bytes)),
    close: link(() => calls.close()),
  };
}
