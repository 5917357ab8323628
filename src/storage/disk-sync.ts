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
  readonly #open: typeof open;
  readonly #files = new Map<string, FileHandle>();
  #hasFolder = false;

  /**
   * @param name of the database
   * @param openFile opens files and the folder. Default: as Node does
   */
  constructor(name: string, openFile: typeof open = open) {
    this.#name = name;
    this.#open = openFile;
  }

  async journal(): Promise<void> {
    await this.#sync(`${this.#name}-wal`);
    if (this.#hasFolder) return;
    this.#hasFolder = true;
    await this.#syncFolder();
  }

  database(): Promise<void> {
    return this.#sync(this.#name);
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#files.values()].map((file) => file.close()));
    this.#files.clear();
  }

  /**
   * Waits until the names of new files last. That is best effort, as in SQLite: users may write into folders
   * that they may not read, and some file systems have no sync of folders.
   */
  async #syncFolder(): Promise<void> {
    try {
      await using folder = await this.#open(dirname(this.#name), "r");
      await folder.sync();
    } catch (error) {
      if (!isUnsupported(error)) throw error;
    }
  }

  async #sync(name: string): Promise<void> {
    let file = this.#files.get(name);
    if (file === undefined) {
      file = await this.#open(name, "r");
      this.#files.set(name, file);
    }
    await file.datasync();
  }
}

const UNSUPPORTED: ReadonlySet<unknown> = new Set([
  "EACCES",
  "EBADF",
  "EINVAL",
  "EISDIR",
  "ENOSYS",
  "ENOTSUP",
  "EOPNOTSUPP",
  "EPERM",
]);

function isUnsupported(error: unknown): boolean {
  return error instanceof Error && "code" in error && UNSUPPORTED.has(error.code);
}
