import { existsSync, mkdirSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { asError } from "../domain/as-error.ts";
import type { Clock } from "../domain/clock.ts";
import type { Logger } from "../domain/log.ts";
import type { ContainerResume, CursorResume, Resume } from "../domain/resume.ts";
import { loadSqlite } from "./load-sqlite.ts";
import type { Sqlite } from "./load-sqlite.ts";
import { DamagedError, ResumeDatabase, sqliteCode } from "./resume-database.ts";

export interface ResumeStoreOptions {
  /** Folder of the file, made where it is missing; undefined: nothing is kept. */
  readonly path: string | undefined;
  /** What is watched: engine and filters. What was kept of another scope is dropped. */
  readonly scope: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where the watch is; undefined as long as nothing is to be kept. */
  readonly cursor: () => CursorResume | undefined;
  /** What is known of a container; undefined where it is gone. */
  readonly container: (id: string) => ContainerResume | undefined;
}

/** The resume point: what lets the next process go on where this one ends. */
export interface ResumeStore extends Disposable {
  /** What an earlier process left; undefined where there is nothing. */
  readonly restored: Resume | undefined;
  /** Something is to be kept of this container. Cheap: it is written later, what came since too. */
  touch(id: string): void;
  /** Writes what is to be kept, now. Never throws. */
  flush(): void;
}

/** How long what happens is gathered before it is written. */
const WRITE_MS = 200;
/** How long to wait with the next attempt where writing fails. */
const RETRY_MS = 5_000;

/** SQLite's codes: what is asked for isn't there, not whole, no database; in use. */
const DAMAGED: ReadonlySet<number | undefined> = new Set([1, 11, 26]);
const BUSY = 5;

/**
 * Opens the resume point in `path`. Where it can't be had, that is logged, and nothing is kept: a
 * file that is damaged is set aside, one that another process uses is left alone.
 */
export async function openResumeStore(options: ResumeStoreOptions): Promise<ResumeStore> {
  const { path, log } = options;
  if (path === undefined) return NOTHING_KEPT;
  const file = join(path, "resume.sqlite");
  try {
    const sqlite = await loadSqlite();
    makeFolder(path);
    const { database, restored } = openDatabase(sqlite, file, options);
    return new FileStore(database, restored, options);
  } catch (error) {
    log.warn("the resume point isn't kept: after a restart, changes meanwhile will be missed", {
      file,
      err: sqliteCode(error) === BUSY ? new Error("another process uses it") : asError(error),
    });
    return NOTHING_KEPT;
  }
}

/**
 * As `mkdir -p`. Node's own `recursive` never returns where a new folder is refused by ENOENT, as
 * below /proc.
 */
function makeFolder(path: string): void {
  const parent = dirname(path);
  if (!existsSync(parent)) makeFolder(parent);
  try {
    mkdirSync(path);
  } catch (error) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
  }
}

interface Opened {
  readonly database: ResumeDatabase;
  readonly restored: Resume | undefined;
}

function openDatabase(sqlite: Sqlite, file: string, options: ResumeStoreOptions): Opened {
  try {
    return openFile(sqlite, file, options.scope);
  } catch (error) {
    if (!(error instanceof DamagedError) && !DAMAGED.has(sqliteCode(error))) throw error;
    const aside = `${file}.damaged-${options.clock.nowMs()}`;
    renameSync(file, aside);
    // It belongs to the other, and would spoil the next one.
    if (existsSync(`${file}-wal`)) renameSync(`${file}-wal`, `${aside}-wal`);
    options.log.warn("the resume point is damaged: it is set aside", {
      file: aside,
      err: asError(error),
    });
    return openFile(sqlite, file, options.scope);
  }
}

function openFile(sqlite: Sqlite, file: string, scope: string): Opened {
  const connection = new sqlite.DatabaseSync(file, { timeout: 0 });
  try {
    const database = new ResumeDatabase(connection, scope);
    return { database, restored: database.read() };
  } catch (error) {
    connection.close();
    throw error;
  }
}

const NOTHING_KEPT: ResumeStore = {
  restored: undefined,
  touch: () => {},
  flush: () => {},
  [Symbol.dispose]: () => {},
};

class FileStore implements ResumeStore {
  readonly restored: Resume | undefined;
  readonly #database: ResumeDatabase;
  readonly #options: ResumeStoreOptions;
  #touched = new Set<string>();
  #timer: Disposable | undefined;
  #isClosed = false;

  constructor(database: ResumeDatabase, restored: Resume | undefined, options: ResumeStoreOptions) {
    this.#database = database;
    this.restored = restored;
    this.#options = options;
  }

  touch(id: string): void {
    this.#touched.add(id);
    this.#later(WRITE_MS);
  }

  flush(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    const { cursor: cursorOf, container, log } = this.#options;
    const cursor = cursorOf();
    if (this.#isClosed || this.#touched.size === 0) return;
    if (cursor === undefined) {
      this.#later(WRITE_MS);
      return;
    }
    const touched = this.#touched;
    this.#touched = new Set();
    try {
      const containers = new Map([...touched].map((id) => [id, container(id)]));
      this.#database.write({ cursor, containers });
    } catch (error) {
      for (const id of touched) this.#touched.add(id);
      log.limited("resume").warn("the resume point can't be written", { err: asError(error) });
      this.#later(RETRY_MS);
    }
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.flush();
    this.#isClosed = true;
    this.#timer?.[Symbol.dispose]();
    this.#database.close();
  }

  #later(delayMs: number): void {
    if (this.#isClosed) return;
    this.#timer ??= this.#options.clock.setTimeout(() => this.flush(), delayMs);
  }
}
