import { asError } from "../platform/data/as-error.ts";
import type { RecordRow } from "../domain/record-queue.ts";
import { loadSqlite } from "./load-sqlite.ts";
import type { QueueTotals } from "./queue-table.ts";
import { isBusy, isDamage } from "./sqlite-errors.ts";
import { openStoreFile } from "./store-file.ts";
import type { OpenedFile, StoreFile, StorePlace, StoreUpdate } from "./store-file.ts";

/** What opening a file tells. */
export interface StoreOpened extends Omit<OpenedFile, "file"> {
  readonly totals: QueueTotals;
}

/** What can be asked of a file that is stored to. Each is done in turn. */
export interface StoreCalls {
  open(place: StorePlace): StoreOpened;
  commit(update: StoreUpdate): void;
  read(maxBytes: number): readonly RecordRow[];
  drop(seq: number): void;
  free(bytes: number): QueueTotals;
  close(): void;
}

/** The same from elsewhere: every call rejects with a {@link StoreError}. */
export type StoreLink = {
  readonly [Name in keyof StoreCalls]: (
    ...args: Parameters<StoreCalls[Name]>
  ) => Promise<Awaited<ReturnType<StoreCalls[Name]>>>;
};

/** The store doesn't do what it was asked for. The message is for people. */
export class StoreError extends Error {
  override name = "StoreError";
  /** It will never do anything again: the file is damaged, or its thread has ended. */
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

/** The calls, done where they are made. */
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

/** A link to calls that are done here and now: their caller waits for the disk. */
export async function directLink(): Promise<StoreLink> {
  const calls = await storeCalls();
  const link =
    <Args extends unknown[], Result>(call: (...args: Args) => Result) =>
    // Begins at once, as long as it is called.
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
