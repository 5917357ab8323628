import { existsSync, mkdirSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { asError } from "../platform/data/as-error.ts";
import type { RecordRow } from "../domain/record-queue.ts";
import type { Resume } from "../domain/resume.ts";
import type { Sqlite } from "./sqlite.ts";
import { QUEUE_SCHEMA, QueueTable } from "./queue-table.ts";
import type { QueueTotals } from "./queue-table.ts";
import { RESUME_SCHEMA, ResumeTables } from "./resume-tables.ts";
import type { ResumeUpdate } from "./resume-tables.ts";
import { DamagedError, isDamage, isFull, NewerVersionError } from "./sqlite.ts";

/** The file, and its name before it had a queue. */
const FILE = "unitwatch.sqlite";
const FORMER_FILE = "resume.sqlite";
/** 1 had the resume point alone. */
const SCHEMA_VERSION = 2;

export interface StorePlace {
  /** Folder of the file, made if it is missing. */
  readonly path: string;
  /** Identifies what is watched: engine and filters. Resume points of other scopes are dropped. */
  readonly scope: string;
  /** Unix time in milliseconds, for the name of a file that is moved aside. */
  readonly nowMs: number;
}

export interface OpenedFile {
  readonly file: StoreFile;
  /** State that an earlier process stored; undefined if there is none. */
  readonly restored: Resume | undefined;
  /** The new name of a damaged file, and its fault. */
  readonly setAside: { readonly file: string; readonly reason: string } | undefined;
}

/** One transaction. */
export interface StoreUpdate {
  readonly rows: readonly RecordRow[];
  readonly resume: ResumeUpdate | undefined;
}

export function storeFileName(path: string): string {
  return join(path, FILE);
}

/**
 * Opens the file of a place, and locks it for this process. Moves a damaged one aside, and begins
 * another. On a full disk a new file is made by a later commit.
 *
 * @throws NewerVersionError, or what SQLite or the file system throws
 */
export function openStoreFile(sqlite: Sqlite, place: StorePlace): OpenedFile {
  const name = storeFileName(place.path);
  makeFolder(place.path);
  const former = join(place.path, FORMER_FILE);
  if (!existsSync(name) && existsSync(former)) moveAway(former, name);
  try {
    return { ...open(sqlite, name, place), setAside: undefined };
  } catch (error) {
    if (!isDamage(error)) throw error;
    const aside = `${name}.damaged-${place.nowMs}`;
    moveAway(name, aside);
    const setAside = { file: aside, reason: asError(error).message };
    return { ...open(sqlite, name, place), setAside };
  }
}

function open(sqlite: Sqlite, name: string, place: StorePlace): Omit<OpenedFile, "setAside"> {
  const isNew = (statSync(name, { throwIfNoEntry: false })?.size ?? 0) === 0;
  const database = new sqlite.DatabaseSync(name, { timeout: 0 });
  try {
    const file = new StoreFile(database, place);
    return { file, restored: file.prepare() };
  } catch (error) {
    if (isNew && isFull(error)) {
      return { file: new StoreFile(database, place), restored: undefined };
    }
    database.close();
    throw error;
  }
}

/** Renames the file with its journal, which would spoil another file. */
function moveAway(from: string, to: string): void {
  renameSync(from, to);
  if (existsSync(`${from}-wal`)) renameSync(`${from}-wal`, `${to}-wal`);
}

/**
 * Makes a folder and its parents. Node's own `recursive` never returns if the system rejects a folder
 * by ENOENT, as it does below /proc.
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

/** Written bytes of the journal after which a checkpoint is due. */
const CHECKPOINT_BYTES = 2 ** 21;
const PAGE_BYTES = 4_096;

/**
 * The resume point and the queue in one database. Every method throws what SQLite throws. None waits for
 * the disk: a transaction outlives the process, and its caller waits for the disk where it has to outlive
 * the machine.
 */
export class StoreFile {
  readonly #database: DatabaseSync;
  readonly #resume: ResumeTables;
  readonly #queue: QueueTable;
  #isPrepared = false;
  /** True if rows were added since the file last shrank. */
  #isGrown = true;
  /** Bytes in the journal since the last checkpoint, at most. */
  #journalBytes = CHECKPOINT_BYTES;

  constructor(database: DatabaseSync, place: StorePlace) {
    this.#database = database;
    this.#resume = new ResumeTables(database, place.scope);
    this.#queue = new QueueTable(database);
  }

  get totals(): QueueTotals {
    return this.#queue.totals;
  }

  /** False as long as a full disk has no room for the tables. */
  get isPrepared(): boolean {
    return this.#isPrepared;
  }

  /** Locks the file, makes the tables, and returns what an earlier process stored. */
  prepare(): Resume | undefined {
    // The system releases the lock, however the process ends.
    this.#database.exec("PRAGMA locking_mode = EXCLUSIVE");
    if (this.#version() === 0) this.#database.exec("PRAGMA auto_vacuum = INCREMENTAL");
    this.#database.exec("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0");
    this.#database.exec("PRAGMA cache_size = -512; PRAGMA journal_size_limit = 8388608");
    this.#transaction(() => this.#makeTables());
    const [check] = this.#database.prepare("PRAGMA quick_check(1)").all();
    if (check?.["quick_check"] !== "ok") throw new DamagedError(String(check?.["quick_check"]));
    const restored = this.#resume.read();
    this.#queue.load();
    // New tables wait for the disk, and nothing else does.
    this.#database.exec("PRAGMA synchronous = OFF");
    this.#isPrepared = true;
    return restored;
  }

  commit(update: StoreUpdate): void {
    const { rows, resume } = update;
    if (!this.#isPrepared) this.prepare();
    this.#transaction(() => {
      this.#queue.write(rows);
      if (resume !== undefined) this.#resume.write(resume);
    });
    this.#queue.written(rows);
    this.#journalBytes += bytesOf(update);
    if (resume !== undefined) this.#resume.written(resume);
    if (rows.length > 0) this.#isGrown = true;
    else if (this.#isGrown && this.#queue.totals.records === 0) this.#shrink();
  }

  /** True if the journal is so long that {@link checkpoint} is due. */
  get isCheckpointDue(): boolean {
    return this.#journalBytes >= CHECKPOINT_BYTES;
  }

  /**
   * Copies the journal into the file. The disk must have the whole journal before, and the whole file before
   * the next transaction, which overwrites the journal.
   */
  checkpoint(): void {
    this.#database.exec("PRAGMA wal_checkpoint(PASSIVE)");
    this.#journalBytes = 0;
  }

  /** See {@link QueueTable.read}. */
  read(maxBytes: number): RecordRow[] {
    return this.#isPrepared ? this.#queue.read(maxBytes) : [];
  }

  /** See {@link QueueTable.drop}. */
  drop(seq: number): void {
    if (this.#isPrepared) this.#queue.drop(seq);
  }

  /** See {@link QueueTable.free}; returns what was removed. */
  free(bytes: number): QueueTotals {
    const before = this.totals;
    if (this.#isPrepared) this.#queue.free(bytes);
    const { records, bytes: left, ...seqs } = this.totals;
    return { records: before.records - records, bytes: before.bytes - left, ...seqs };
  }

  close(): void {
    this.#database.close();
  }

  #makeTables(): void {
    const version = this.#version();
    if (version < 1) this.#database.exec(RESUME_SCHEMA);
    if (version < 2) this.#database.exec(QUEUE_SCHEMA);
    if (version < SCHEMA_VERSION) this.#database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
    this.#resume.adopt();
  }

  #version(): number {
    const version = Number(this.#database.prepare("PRAGMA user_version").get()?.["user_version"]);
    if (version <= SCHEMA_VERSION) return version;
    throw new NewerVersionError(`written by a newer unitwatch: version ${version}`);
  }

  /** Returns the pages of a long queue to the file system. */
  #shrink(): void {
    this.#isGrown = false;
    this.#database.exec("PRAGMA incremental_vacuum");
  }

  #transaction(work: () => void): void {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      work();
      this.#database.exec("COMMIT");
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }
}

/** Returns the bytes of the pages that a transaction writes to the journal, at most. */
function bytesOf({ rows, resume }: StoreUpdate): number {
  const own = rows.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const pages = rows.length + (resume?.containers.size ?? 0) + 8;
  return own + pages * PAGE_BYTES;
}
