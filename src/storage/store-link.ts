import { asError } from "../platform/data/as-error.ts";
import type { RecordRow } from "../domain/record-queue.ts";
import type { QueueTotals } from "./queue-table.ts";
import { type DiskSync, FileSync } from "./disk-sync.ts";
import { isBusy, isDamage, loadSqlite, type Sqlite } from "./sqlite.ts";
import { openStoreFile, storeFileName } from "./store-file.ts";
import type { OpenedFile, StoreFile, StorePlace, StoreUpdate } from "./store-file.ts";

/** The result of opening a file. */
export interface StoreOpened extends Omit<OpenedFile, "file"> {
  readonly totals: QueueTotals;
}

/** The operations of a store file, done in order. Every one rejects with a {@link StoreError}. */
export interface StoreLink {
  open(place: LinkPlace): Promise<StoreOpened>;
  commit(update: StoreUpdate): Promise<void>;
  read(maxBytes: number): Promise<readonly RecordRow[]>;
  drop(seq: number): Promise<void>;
  free(bytes: number): Promise<QueueTotals>;
  close(): Promise<void>;
}

export interface LinkPlace extends StorePlace {
  /**
   * The crash that a transaction survives: of the process, or of the machine too, for which each one
   * waits for the disk.
   */
  readonly outlives: "crash" | "power-cut";
}

/** An operation failed. The message is for people. */
export class StoreError extends Error {
  override name = "StoreError";
  /** All later operations fail too: the file is damaged, or the disk lost what was written. */
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

/**
 * Returns a link to a file that `open` opens.
 *
 * @param syncOf waits for the disk. Default: in threads of Node's pool
 */
export async function storeLink(
  syncOf: (name: string) => DiskSync = (name) => new FileSync(name),
): Promise<StoreLink> {
  return new FileLink(await loadSqlite(), syncOf);
}

/**
 * Reads and writes at once, as the system's cache of pages takes it, and waits for the disk elsewhere. A
 * disk that hangs so long that the cache is full, or is frozen, holds up the caller.
 */
class FileLink implements StoreLink {
  readonly #sqlite: Sqlite;
  readonly #syncOf: (name: string) => DiskSync;
  #file: StoreFile | undefined;
  #sync: DiskSync | undefined;
  #isLasting = false;
  /** The disk failed: what it has isn't known any more. */
  #failure: StoreError | undefined;
  /** The last operation that was called; undefined if it has ended. */
  #last: Promise<void> | undefined;

  constructor(sqlite: Sqlite, syncOf: (name: string) => DiskSync) {
    this.#sqlite = sqlite;
    this.#syncOf = syncOf;
  }

  open(place: LinkPlace): Promise<StoreOpened> {
    return this.#inOrder(() => {
      const { file, ...rest } = openStoreFile(this.#sqlite, place);
      this.#file = file;
      this.#sync = this.#syncOf(storeFileName(place.path));
      this.#isLasting = place.outlives === "power-cut";
      return { ...rest, totals: file.totals };
    });
  }

  commit(update: StoreUpdate): Promise<void> {
    return this.#inOrder(async () => {
      const { file } = this.#opened;
      file.commit(update);
      if (file.isCheckpointDue) await this.#checkpoint();
      else if (this.#isLasting) await this.#synced("journal");
    });
  }

  read(maxBytes: number): Promise<readonly RecordRow[]> {
    return this.#inOrder(() => this.#opened.file.read(maxBytes));
  }

  drop(seq: number): Promise<void> {
    return this.#inOrder(() => this.#opened.file.drop(seq));
  }

  free(bytes: number): Promise<QueueTotals> {
    return this.#inOrder(() => this.#opened.file.free(bytes));
  }

  close(): Promise<void> {
    return this.#inOrder(async () => {
      const file = this.#file;
      const sync = this.#sync;
      if (file === undefined || sync === undefined) return;
      try {
        if (this.#failure === undefined && file.isPrepared) await this.#checkpoint();
      } finally {
        this.#file = undefined;
        file.close();
        await sync.close();
      }
    });
  }

  /** Moves the journal into the file. The disk has both before a transaction overwrites the journal. */
  async #checkpoint(): Promise<void> {
    const { file } = this.#opened;
    await this.#synced("journal");
    try {
      file.checkpoint();
    } catch {
      // A full disk: the journal has everything, grows, and is copied after a later transaction.
      return;
    }
    await this.#synced("database");
  }

  async #synced(what: "journal" | "database"): Promise<void> {
    const { sync } = this.#opened;
    try {
      await sync[what]();
    } catch (error) {
      // The system may have dropped what it could not write: what the disk has is unknown.
      this.#failure = new StoreError(asError(error).message, true);
      throw this.#failure;
    }
  }

  get #opened(): { readonly file: StoreFile; readonly sync: DiskSync } {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#file === undefined || this.#sync === undefined) {
      throw new StoreError("it isn't open", false);
    }
    return { file: this.#file, sync: this.#sync };
  }

  /** Runs an operation after those before it: at once, within the call, if there is none. */
  #inOrder<Result>(operation: () => Result | Promise<Result>): Promise<Result> {
    const run = async (): Promise<Result> => {
      try {
        return await operation();
      } catch (error) {
        throw storeErrorOf(error);
      }
    };
    const result = this.#last === undefined ? run() : this.#last.then(run);
    const ended: Promise<void> = result.then(
      () => this.#ended(ended),
      () => this.#ended(ended),
    );
    this.#last = ended;
    return result;
  }

  #ended(operation: Promise<void>): void {
    if (this.#last === operation) this.#last = undefined;
  }
}
