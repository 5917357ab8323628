import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import type { JournalPosition } from "../domain/journal.ts";
import { RECENT_STRIDE } from "../domain/recent.ts";
import type { RecentResume } from "../domain/recent.ts";
import type { ContainerResume, CursorResume, Resume } from "../domain/resume.ts";
import { DamagedError, sqliteCode } from "./sqlite.ts";

export const RESUME_SCHEMA = `
  CREATE TABLE place (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    scope TEXT NOT NULL, begin_ns TEXT NOT NULL, last_ns TEXT NOT NULL, count INTEGER NOT NULL
  );
  CREATE TABLE seen (number INTEGER PRIMARY KEY, key TEXT NOT NULL);
  CREATE TABLE container (id TEXT PRIMARY KEY, resume TEXT NOT NULL) WITHOUT ROWID;`;

/** The begin of a position at which no container was listed yet. */
const UNLISTED = "0";

/** One write of the resume point. */
export interface ResumeUpdate {
  readonly cursor: CursorResume;
  /** The state of changed containers; undefined for those that are gone. */
  readonly containers: ReadonlyMap<string, ContainerResume | undefined>;
}

/** The tables of the resume point. Every method throws what SQLite throws. */
export class ResumeTables {
  readonly #database: DatabaseSync;
  readonly #scope: string;
  #writtenCount = 0;

  /** @param scope what is watched: `adopt` drops the resume point of another scope */
  constructor(database: DatabaseSync, scope: string) {
    this.#database = database;
    this.#scope = scope;
  }

  /** Drops the resume point of another scope. */
  adopt(): void {
    const place = this.#database.prepare("SELECT scope FROM place").get();
    if (place === undefined || place["scope"] === this.#scope) return;
    this.#database.exec("DELETE FROM place; DELETE FROM seen; DELETE FROM container");
  }

  /**
   * Returns what was written last; undefined if that is nothing.
   *
   * @throws {@link DamagedError} if the content is invalid
   */
  read(): Resume | undefined {
    try {
      return this.#read();
    } catch (cause) {
      if (sqliteCode(cause) !== undefined) throw cause;
      throw new DamagedError("its content is invalid", { cause });
    }
  }

  /** Writes in the caller's transaction. */
  write({ cursor, containers }: ResumeUpdate): void {
    this.#run("INSERT OR REPLACE INTO place VALUES (1, ?, ?, ?, ?)", [
      this.#scope,
      cursor.isListed === false ? UNLISTED : String(cursor.beginNs),
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

  /** Notes that the caller's transaction is committed. */
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
        ...(place["begin_ns"] === UNLISTED ? { isListed: false } : {}),
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

/** JSON has no 64-bit integers: they are written as `"123n"`. */
const BIG = /^-?\d+n$/;
/** Members that are times. Foreign text in other members stays text. */
const BIG_MEMBERS = new Set(["startedAtNs", "finishedAtNs", "lastStartNs", "sinceNs"]);

function encodeResume(resume: ContainerResume): string {
  return JSON.stringify(resume, (_, value: unknown) =>
    typeof value === "bigint" ? `${value}n` : value,
  );
}

/** @throws if `encodeResume` didn't write the text */
function decodeResume(text: string): ContainerResume {
  const resume = JSON.parse(text, (key, value: unknown) => {
    if (!BIG_MEMBERS.has(key)) return value;
    if (typeof value !== "string" || !BIG.test(value)) throw new Error(`${key} is not a time`);
    return BigInt(value.slice(0, -1));
  }) as ContainerResume;
  if (typeof resume.identity?.id !== "string" || typeof resume.lives?.open !== "number") {
    throw new Error("not a container");
  }
  if (resume.recent !== undefined) checkRecent(resume.recent);
  if (resume.journal !== undefined) checkPosition(resume.journal);
  for (const { user, units } of resume.users ?? []) {
    if (typeof user !== "string") throw new Error("not a user");
    checkUnits(units);
  }
  return {
    ...resume,
    // The text lacks members that are undefined.
    health: resume.health,
    lastExitCode: resume.lastExitCode,
    earlierExit: resume.earlierExit,
    restartsSeen: resume.restartsSeen,
    runsSystemd: resume.runsSystemd,
    systemd: resume.systemd,
    recent: resume.recent,
    journal: resume.journal,
    users: resume.users,
  };
}

/** @throws if it isn't a position in a journal */
function checkPosition(position: JournalPosition): void {
  const isValid =
    "cursor" in position ? typeof position.cursor === "string" : "sinceNs" in position;
  if (!isValid) throw new Error("not a position in a journal");
}

/** @throws if it isn't what `RecentResume` describes */
function checkRecent({ restarts, failedExits, oomKills, units }: RecentResume): void {
  checkGroups([restarts, failedExits, oomKills]);
  checkUnits(units);
}

/** @throws as above */
function checkUnits(units: RecentResume["units"]): void {
  for (const each of units) {
    if (typeof each.unit !== "string") throw new Error("not a unit");
    checkGroups([each.failures, each.restarts]);
  }
}

function checkGroups(groups: readonly unknown[]): void {
  for (const each of groups) {
    const isValid =
      Array.isArray(each) && each.length % RECENT_STRIDE === 0 && each.every(Number.isFinite);
    if (!isValid) throw new Error("not recent events");
  }
}
