import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";

/** Waits until the disk has what was written to a database. Each call rejects if the disk fails. */
export interface DiskSync {
  /** Waits for the journal, which has every transaction since the last checkpoint. */
  journal(): Promise<void>;
  /** Waits for the file itself. */
  database(): Promise<void>;
  /** Call it once the database is closed: closing the file sooner would release SQLite's lock. */
  close(): Promise<void>;
}

/** Waits in threads of Node's pool, so that a slow disk holds up nothing else. */
export class FileSync implements DiskSync {
  readonly #name: string;
  readonly #files = new Map<string, FileHandle>();
  #hasFolder = false;

  /** @param name of the database */
  constructor(name: string) {
    this.#name = name;
  }

  async journal(): Promise<void> {
    await this.#sync(`${this.#name}-wal`);
    if (this.#hasFolder) return;
    // The names of new files have to last too.
    await using folder = await open(dirname(this.#name), "r");
    await folder.sync();
    this.#hasFolder = true;
  }

  database(): Promise<void> {
    return this.#sync(this.#name);
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#files.values()].map((file) => file.close()));
    this.#files.clear();
  }

  async #sync(name: string): Promise<void> {
    let file = this.#files.get(name);
    if (file === undefined) {
      file = await open(name, "r");
      this.#files.set(name, file);
    }
    await file.datasync();
  }
}
