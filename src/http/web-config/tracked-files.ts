import { readFile, stat } from "node:fs/promises";
import { asError } from "../../platform/data/as-error.ts";
import { WebConfigError } from "./web-config.ts";

/** Configuration, certificates and keys are small. */
const MAX_BYTES = 1024 * 1024;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "there is no such file",
  EACCES: "permission denied",
  ELOOP: "too many symbolic links",
};

/** Reads files, and tells later whether one of them isn't any more what it was when it was read. */
export class TrackedFiles {
  readonly #seen = new Map<string, string>();

  /**
   * The text of a regular file of at most 1 MiB. Symbolic links are followed.
   *
   * @throws WebConfigError saying why it can't be read, without its name
   */
  async read(path: string): Promise<string> {
    // Before it is read: a change that comes between is one that is still to be seen.
    this.#seen.set(path, await signature(path));
    try {
      const found = await stat(path);
      if (!found.isFile()) throw new WebConfigError("it is no regular file");
      if (found.size > MAX_BYTES) throw new WebConfigError("it is larger than 1 MiB");
      return await readFile(path, "utf8");
    } catch (error) {
      if (error instanceof WebConfigError) throw error;
      const { code = "" } = error as NodeJS.ErrnoException;
      throw new WebConfigError(REASONS[code] ?? asError(error).message, { cause: error });
    }
  }

  /** Whether a file that was asked for is there, is gone, or is another since. */
  async changed(): Promise<boolean> {
    const looks = [...this.#seen].map(async ([path, seen]) => (await signature(path)) !== seen);
    return (await Promise.all(looks)).includes(true);
  }
}

/** Differs for other contents, written in place or put in the place, behind links too. */
async function signature(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "unknown";
  }
}
