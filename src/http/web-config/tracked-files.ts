import { readFile, stat } from "node:fs/promises";
import { asError } from "../../platform/data/as-error.ts";
import { WebConfigError } from "./web-config.ts";

/** Configuration, certificates and keys are small. */
const MAX_BYTES = 1024 * 1024;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  ENOTDIR: "no such file",
  EACCES: "permission denied",
  ELOOP: "too many symbolic links",
};

/** Reads files, and detects later whether one of them has changed since. */
export class TrackedFiles {
  readonly #seen = new Map<string, string>();

  /**
   * Returns the text of a regular file of at most 1 MiB. Follows symbolic links.
   *
   * @throws WebConfigError with the reason, without the file's name
   */
  async read(path: string): Promise<string> {
    // Before the read: a change during the read is still detected.
    this.#seen.set(path, await signature(path));
    try {
      const found = await stat(path);
      if (!found.isFile()) throw new WebConfigError("not a regular file");
      if (found.size > MAX_BYTES) throw new WebConfigError("larger than 1 MiB");
      return await readFile(path, "utf8");
    } catch (error) {
      if (error instanceof WebConfigError) throw error;
      const { code = "" } = error as NodeJS.ErrnoException;
      throw new WebConfigError(REASONS[code] ?? asError(error).message, { cause: error });
    }
  }

  /** Returns true if a file was added, removed or changed since it was read. */
  async changed(): Promise<boolean> {
    const looks = [...this.#seen].map(async ([path, seen]) => (await signature(path)) !== seen);
    return (await Promise.all(looks)).includes(true);
  }
}

/** Returns a text that changes when the file is written or replaced, behind links too. */
async function signature(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "unknown";
  }
}
