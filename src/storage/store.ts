import type { Clock } from "../domain/clock.ts";
import type { Logger } from "../domain/log.ts";
import type { RecordQueue } from "../domain/record-queue.ts";
import type { ContainerResume, CursorResume, Resume } from "../domain/resume.ts";
import { DiskRows } from "./disk-rows.ts";
import type { ResumeUpdate } from "./resume-tables.ts";
import { storeFileName } from "./store-file.ts";
import { directLink, storeErrorOf } from "./store-link.ts";
import type { StoreError, StoreLink, StoreOpened } from "./store-link.ts";
import { StoredQueue } from "./stored-queue.ts";

export interface StoreOptions {
  /** Folder of the file, made where it is missing; undefined: everything stays in memory. */
  readonly path: string | undefined;
  /** What is watched: engine and filters. What was kept of another scope is dropped. */
  readonly scope: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where the watch is; undefined as long as nothing is to be kept. */
  readonly cursor: () => CursorResume | undefined;
  /** What is known of a container; undefined where it is gone. */
  readonly container: (id: string) => ContainerResume | undefined;
  /** The queue of records that are sent; undefined: there is none. */
  readonly queue?: {
    readonly maxBytes: number;
    /** Records were given up. */
    readonly dropped: (records: number, reason: "queue_full" | "damaged") => void;
    /** Who waits for the disk. Default: a thread of its own. */
    readonly link?: () => Promise<StoreLink>;
  };
}

/**
 * What outlives the process: the resume point, which lets the next process go on where this one
 * ends, and the queue. Both are stored in one transaction: what was told of up to the place to go on
 * from is in the queue, or has left it.
 */
export interface Store extends AsyncDisposable {
  /** Folder that this process alone stores in; undefined where it has none. */
  readonly folder: string | undefined;
  /** What an earlier process left; undefined where there is nothing. */
  readonly restored: Resume | undefined;
  /** Undefined where none was asked for. */
  readonly queue: RecordQueue | undefined;
  /** Something is to be kept of this container. Cheap: it is written later, what came since too. */
  touch(id: string): void;
  /** Writes what is to be kept, now. Never rejects. */
  flush(): Promise<void>;
}

/** How long what happens is gathered before it is written. */
const WRITE_MS = 200;
/** How long to wait with the next attempt where writing fails. */
const RETRY_MS = 5_000;
/** How long a disk that hangs is waited for when the program ends. */
const CLOSE_MS = 5_000;

/**
 * Opens the store in `path`. Where it can't be had, that is logged, and everything stays in memory:
 * a file that is damaged is set aside, one that another process uses is left alone.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { path, scope, clock, log, queue } = options;
  if (path === undefined) return new FileStore(undefined, options);
  const file = storeFileName(path);
  let link: StoreLink | undefined;
  try {
    link = await (queue === undefined ? directLink() : (queue.link ?? openThread)());
    const outlives = queue === undefined ? "crash" : "power-cut";
    const opened = await link.open({ path, scope, outlives, nowMs: clock.nowMs() });
    if (opened.setAside !== undefined) {
      log.warn("the store is damaged: it is set aside, and what it held isn't known any more", {
        file: opened.setAside.file,
        err: opened.setAside.reason,
      });
    }
    return new FileStore({ link, opened }, options);
  } catch (error) {
    const inMemory = queue === undefined ? "" : "log records wait in memory, ";
    log.warn(`nothing is stored: ${inMemory}after a restart, changes meanwhile will be missed`, {
      file,
      err: storeErrorOf(error),
    });
    await link?.close().catch(() => {});
    return new FileStore(undefined, options);
  }
}

/** Loaded where it is needed alone: a thread costs some 10 MB. */
async function openThread(): Promise<StoreLink> {
  const { threadLink } = await import("./thread-link.ts");
  return threadLink();
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
      left: () => this.#later(WRITE_MS),
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
    // What is being written was gathered before: what is to be kept now comes after it.
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
      log.warn("the store can't be closed", { err: storeErrorOf(error) });
    });
    const done = new AbortController();
    const late = clock.sleep(CLOSE_MS, done.signal).then(
      () => log.warn("the disk doesn't answer: what wasn't stored yet is lost"),
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
    // All of this in one turn: the place to go on from and what was told up to it belong together.
    const { rows, isAll } = this.queue?.uncommitted() ?? { rows: [], isAll: true };
    const touched = this.#touched;
    const resume = isAll ? this.#resume() : undefined;
    if (resume !== undefined) this.#touched = new Set();
    const isErasing = this.queue?.takeLeft() ?? false;
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
    if (this.#isFailing) this.#options.log.info("what is to be kept is stored again");
    this.#isFailing = false;
  }

  #failed(error: StoreError): void {
    const { log } = this.#options;
    const where = this.queue === undefined ? "" : ": log records wait in memory";
    log.limited("store").warn(`what is to be kept can't be stored${where}`, { err: error });
    this.#isFailing = true;
    this.queue?.failed(error);
    if (!error.isFinal) this.#later(RETRY_MS);
  }

  #later(delayMs: number): void {
    if (this.#isClosed || this.#link === undefined) return;
    this.#timer ??= this.#options.clock.setTimeout(() => void this.flush(), delayMs);
  }
}
