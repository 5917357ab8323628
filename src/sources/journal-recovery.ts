import type { JournalEntry } from "../domain/systemd.ts";
import { JournalError, readJournal } from "./journal.ts";
import type { JournalQuery } from "./journal.ts";

/** Attempts that fail, one after the other, before the journal counts as one that can't be read. */
const ATTEMPTS = 3;

/** Reads from one container's journal what was missed. */
export class JournalRecovery {
  readonly #container: Pick<JournalQuery, "runtime" | "container">;
  #failures = 0;
  #lastRead: Promise<unknown> = Promise.resolve();

  constructor(container: Pick<JournalQuery, "runtime" | "container">) {
    this.#container = container;
  }

  /**
   * What the journal tells from `sinceNs` on, nothing where that is undefined. Answers undefined
   * where it can't be read: a container without a journal is one to be watched all the same.
   *
   * @throws where another attempt, on another stream, may do better: the container may have been
   * paused just now
   */
  async missed(
    sinceNs: bigint | undefined,
    signal: AbortSignal,
  ): Promise<readonly JournalEntry[] | undefined> {
    if (sinceNs === undefined) return [];
    // What a later one finds follows on what an earlier one did.
    const read = this.#lastRead.then(() => this.#read(sinceNs, signal));
    this.#lastRead = read.catch(() => {});
    return read;
  }

  async #read(sinceNs: bigint, signal: AbortSignal): Promise<readonly JournalEntry[] | undefined> {
    try {
      const entries = await readJournal({ ...this.#container, sinceNs, signal });
      this.#failures = 0;
      return entries;
    } catch (error) {
      signal.throwIfAborted();
      this.#failures += 1;
      const isFinal = error instanceof JournalError && error.isFinal;
      if (!isFinal && this.#failures < ATTEMPTS) throw error;
      return undefined;
    }
  }
}
