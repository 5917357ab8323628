/**
 * The store: what outlives the process. One SQLite file has the queue of log records and the resume
 * point, written in one transaction, so that the records of all changes up to the point are in the
 * queue or delivered. Only threads of Node's pool wait for the disk.
 *
 * `StoredQueue` groups records to rows (`RecordGroup`), which go to the file (`DiskRows`, by a
 * `StoreLink` to `StoreFile`) and are leased from there (`InFlightBatch`). Imports platform and
 * domain; encoders and senders are in `otlp/`.
 */
import type { Clock } from "../domain/clock.ts";
import type { Logger } from "../domain/log.ts";
import type { RecordQueue } from "../domain/record-queue.ts";
import type { ContainerResume, CursorResume, Resume } from "../domain/resume.ts";
import { DiskRows } from "./disk-rows.ts";
import type { ResumeUpdate } from "./resume-tables.ts";
import { storeFileName } from "./store-file.ts";
import { storeErrorOf, storeLink } from "./store-link.ts";
import type { StoreError, StoreLink, StoreOpened } from "./store-link.ts";
import { StoredQueue } from "./stored-queue.ts";

export interface StoreOptions {
  /** Folder of the file, made if it is missing; undefined: everything stays in memory. */
  readonly path: string | undefined;
  /** Identifies what is watched: engine and filters. Resume points of other scopes are dropped. */
  readonly scope: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Returns the position of the watch; undefined as long as there is nothing to store. */
  readonly cursor: () => CursorResume | undefined;
  /** Returns the state of a container; undefined if it is gone. */
  readonly container: (id: string) => ContainerResume | undefined;
  /** Opens a queue of records too. */
  readonly queue?: {
    readonly maxBytes: number;
    readonly dropped: (records: number, reason: "queue_full" | "damaged") => void;
    /** Opens the link to the file. */
    readonly link?: () => Promise<StoreLink>;
  };
}

export interface Store extends AsyncDisposable {
  /** Folder that this process alone stores in; undefined if there is none. */
  readonly folder: string | undefined;
  /** State that an earlier process stored; undefined if there is none. */
  readonly restored: Resume | undefined;
  /** Undefined if none was requested. */
  readonly queue: RecordQueue | undefined;
  /** Marks a container's state for the next write. Cheap: the state is read only then. */
  touch(id: string): void;
  /** Writes everything now. Never rejects. */
  flush(): Promise<void>;
}

/** How long changes are gathered before they are written. */
const WRITE_MS = 200;
const RETRY_MS = 5_000;
/** How long closing waits for a disk that hangs. */
const CLOSE_MS = 5_000;

/**
 * Opens the store in `path`. If that fails, logs it and keeps everything in memory. A damaged file is
 * moved aside; one that another process uses is left alone.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { path, scope, clock, log, queue } = options;
  if (path === undefined) return new FileStore(undefined, options);
  const file = storeFileName(path);
  let link: StoreLink | undefined;
  try {
    link = await (queue?.link ?? storeLink)();
    const outlives = queue === undefined ? "crash" : "power-cut";
    const opened = await link.open({ path, scope, outlives, nowMs: clock.nowMs() });
    if (opened.setAside !== undefined) {
      log.warn("store damaged, moved aside", {
        file: opened.setAside.file,
        err: opened.setAside.reason,
      });
    }
    return new FileStore({ link, opened }, options);
  } catch (error) {
    const fields = { file, err: storeErrorOf(error) };
    if (queue === undefined) log.warn("store unavailable, state kept in memory", fields);
    else log.warn("store unavailable, log records and state kept in memory", fields);
    await link?.close().catch(() => {});
    return new FileStore(undefined, options);
  }
}

interface OpenedLink {
  readonly link: StoreLink;
  readonly opened: StoreOpened;
}

class FileStore implements Store {
  readonly folder: string | undefined;
  readonly restored: Resume | undefined;
  readonly queue: StoredQueue | undefined;
  readonly #link: StoreLink | undefined;
  readonly #options: StoreOptions;
  #touched = new Set<string>();
  #timer: Disposable | undefined;
  #current: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #isFailing = false;
  #isClosed = false;

  constructor(open: OpenedLink | undefined, options: StoreOptions) {
    this.#link = open?.link;
    this.folder = open === undefined ? undefined : options.path;
    this.restored = open?.opened.restored;
    this.#options = options;
    const { queue, clock, log } = options;
    if (queue === undefined) return;
    this.queue = new StoredQueue({
      ...queue,
      clock,
      log,
      disk: open === undefined ? undefined : new DiskRows(open.link, open.opened.totals),
      lastSeq: open?.opened.totals.lastSeq ?? 0,
      commit: () => this.flush(),
      removed: () => this.#later(WRITE_MS),
    });
  }

  touch(id: string): void {
    if (this.#link === undefined) return;
    this.#touched.add(id);
    this.#later(WRITE_MS);
  }

  async flush(): Promise<void> {
    if (this.#current === undefined) {
      this.#current = this.#commit().finally(() => (this.#current = undefined));
      return this.#current;
    }
    // The write in progress has what was gathered before: later changes need another.
    this.#next ??= this.#current.then(() => {
      this.#next = undefined;
      return this.flush();
    });
    return this.#next;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    const { clock, log } = this.#options;
    const closed = this.#close().catch((error: unknown) => {
      log.warn("store close failed", { err: storeErrorOf(error) });
    });
    const done = new AbortController();
    const late = clock.sleep(CLOSE_MS, done.signal).then(
      () => log.warn("store close timed out, unstored data lost"),
      () => {},
    );
    await Promise.race([closed, late]);
    done.abort();
  }

  async #close(): Promise<void> {
    await this.flush();
    this.#isClosed = true;
    this.#timer?.[Symbol.dispose]();
    await this.#link?.close();
  }

  async #commit(): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    if (this.#link === undefined || this.#isClosed) return;
    // In one turn: the resume point and the records of all changes up to it belong together.
    const { rows, isAll } = this.queue?.uncommitted() ?? { rows: [], isAll: true };
    const touched = this.#touched;
    const resume = isAll ? this.#resume() : undefined;
    if (resume !== undefined) this.#touched = new Set();
    const isErasing = this.queue?.takeRemoved() ?? false;
    if (rows.length === 0 && resume === undefined && !isErasing) {
      if (touched.size > 0) this.#later(WRITE_MS);
      return;
    }
    try {
      await this.#link.commit({ rows, resume });
      this.#succeeded();
      this.queue?.committed(rows);
    } catch (error) {
      if (resume !== undefined) for (const id of touched) this.#touched.add(id);
      this.#failed(storeErrorOf(error));
      return;
    }
    if (!isAll) await this.#commit();
  }

  #resume(): ResumeUpdate | undefined {
    const cursor = this.#options.cursor();
    if (cursor === undefined || this.#touched.size === 0) return undefined;
    const { container } = this.#options;
    return { cursor, containers: new Map([...this.#touched].map((id) => [id, container(id)])) };
  }

  #succeeded(): void {
    if (this.#isFailing) this.#options.log.info("store write restored");
    this.#isFailing = false;
  }

  #failed(error: StoreError): void {
    const { log } = this.#options;
    const limited = log.limited("store");
    if (this.queue === undefined) limited.warn("store write failed", { err: error });
    else limited.warn("store write failed, log records kept in memory", { err: error });
    this.#isFailing = true;
    this.queue?.failed(error);
    if (!error.isFinal) this.#later(RETRY_MS);
  }

  #later(delayMs: number): void {
    if (this.#isClosed || this.#link === undefined) return;
    this.#timer ??= this.#options.clock.setTimeout(() => void this.flush(), delayMs);
  }
}
