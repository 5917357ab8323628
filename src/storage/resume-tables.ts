import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import type { ContainerResume, CursorResume, Resume } from "../domain/resume.ts";
import { decodeResume, encodeResume } from "./resume-json.ts";
import { DamagedError, sqliteCode } from "./sqlite-errors.ts";

export const RESUME_SCHEMA = `
  CREATE TABLE place (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    scope TEXT NOT NULL, begin_ns TEXT NOT NULL, last_ns TEXT NOT NULL, count INTEGER NOT NULL
  );
  CREATE TABLE seen (number INTEGER PRIMARY KEY, key TEXT NOT NULL);
  CREATE TABLE container (id TEXT PRIMARY KEY, resume TEXT NOT NULL) WITHOUT ROWID;`;

/** What is written at once: all of it or nothing. */
export interface ResumeUpdate {
  readonly cursor: CursorResume;
  /** What is known of containers now; undefined for those that are gone. */
  readonly containers: ReadonlyMap<string, ContainerResume | undefined>;
}

/** The tables of the resume point. Every method throws what SQLite does. */
export class ResumeTables {
  readonly #database: DatabaseSync;
  readonly #scope: string;
  #writtenCount = 0;

  /** @param scope what is watched: what another scope left is dropped by `adopt` */
  constructor(database: DatabaseSync, scope: string) {
    this.#database = database;
    this.#scope = scope;
  }

  /** Drops what another scope left. */
  adopt(): void {
    const place = this.#database.prepare("SELECT scope FROM place").get();
    if (place === undefined || place["scope"] === this.#scope) return;
    this.#database.exec("DELETE FROM place; DELETE FROM seen; DELETE FROM container");
  }

  /**
   * What was written last; undefined where nothing was.
   *
   * @throws {@link DamagedError} where that makes no sense
   */
  read(): Resume | undefined {
    try {
      return this.#read();
    } catch (cause) {
      if (sqliteCode(cause) !== undefined) throw cause;
      throw new DamagedError("what it says makes no sense", { cause });
    }
  }

  /** Writes inside of the caller's transaction. */
  write({ cursor, containers }: ResumeUpdate): void {
    this.#run("INSERT OR REPLACE INTO place VALUES (1, ?, ?, ?, ?)", [
      this.#scope,
      String(cursor.beginNs),
      String(cursor.lastNs),
      cursor.count,
    ]);
    const first = cursor.count - cursor.seen.length;
    for (const [i, key] of cursor.seen.entries()) {
      const number = first + i;
      if (number >= this.#writtenCount) {
        this.#run("INSERT OR REPLACE INTO seen VALUES (?, ?)", [number, key]);
      }
    }
    this.#run("DELETE FROM seen WHERE number < ?", [first]);
    for (const [id, resume] of containers) {
      if (resume === undefined) this.#run("DELETE FROM container WHERE id = ?", [id]);
      else this.#run("INSERT OR REPLACE INTO container VALUES (?, ?)", [id, encodeResume(resume)]);
    }
  }

  /** The caller's transaction was committed. */
  written({ cursor }: ResumeUpdate): void {
    this.#writtenCount = cursor.count;
  }

  #read(): Resume | undefined {
    const place = this.#database.prepare("SELECT begin_ns, last_ns, count FROM place").get();
    if (place === undefined) return undefined;
    const seen = this.#database.prepare("SELECT key FROM seen ORDER BY number").all();
    const containers = this.#database.prepare("SELECT resume FROM container ORDER BY id").all();
    this.#writtenCount = Number(place["count"]);
    return {
      cursor: {
        beginNs: BigInt(String(place["begin_ns"])),
        lastNs: BigInt(String(place["last_ns"])),
        seen: seen.map((row) => String(row["key"])),
        count: this.#writtenCount,
      },
      containers: containers.map((row) => decodeResume(String(row["resume"]))),
    };
  }

  #run(sql: string, values: SQLInputValue[]): void {
    this.#database.prepare(sql).run(...values);
  }
}
