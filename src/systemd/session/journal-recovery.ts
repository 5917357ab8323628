import { asError } from "../../platform/data/as-error.ts";
import type { Clock } from "../../domain/clock.ts";
import type { JournalEntry } from "../../domain/systemd.ts";
import { JournalError, readJournal } from "../format/journal.ts";
import type { JournalQuery } from "../format/journal.ts";

/** Fewer failures in a row say nothing. */
const LEAST_ATTEMPTS = 3;
/** For how long it may fail before it counts as a journal that can't be read. */
const JOURNALCTL_LIMIT_NS = 3_000_000_000n;
/** The same, where it isn't journalctl that fails, but the way to it. */
const ENGINE_LIMIT_NS = 60_000_000_000n;

/** Each systemd that runs itself anew asks for one: a container can make up that as often as it likes. */
const MAX_WAITING = 4;

/** What was missed can't be read from the journal just now. */
export class GapError extends Error {
  override readonly name = "GapError";

  constructor(cause: unknown) {
    super(asError(cause).message, { cause });
  }
}

export interface JournalRecoveryOptions extends Pick<JournalQuery, "runtime" | "container"> {
  readonly clock: Clock;
}

/** Reads from one container's journal what was missed. */
export class JournalRecovery {
  readonly #options: JournalRecoveryOptions;
  /** Reads that aren't through. */
  #waiting = 0;
  #failures = 0;
  #failingSinceNs = 0n;
  #lastRead: Promise<unknown> = Promise.resolve();

  constructor(options: JournalRecoveryOptions) {
    this.#options = options;
  }

  /**
   * What the journal tells from `sinceNs` on, nothing where that is undefined. Answers undefined
   * where it can't be read: a container without a journal is one to be watched all the same.
   *
   * @throws GapError where another attempt, on another stream, may do better: the container may have been
   * paused just now
   */
  async missed(
    sinceNs: bigint | undefined,
    signal: AbortSignal,
  ): Promise<readonly JournalEntry[] | undefined> {
    if (sinceNs === undefined) return [];
    if (this.#waiting >= MAX_WAITING) {
      throw new GapError(new Error("systemd begins anew faster than its journal can be read"));
    }
    this.#waiting += 1;
    // What a later one finds follows on what an earlier one did.
    const read = this.#lastRead.then(() => this.#read(sinceNs, signal));
    this.#lastRead = read
      .catch(() => {})
      .finally(() => {
        this.#waiting -= 1;
      });
    return read;
  }

  async #read(sinceNs: bigint, signal: AbortSignal): Promise<readonly JournalEntry[] | undefined> {
    signal.throwIfAborted();
    const { runtime, container, clock } = this.#options;
    try {
      const entries = await readJournal({ runtime, container, sinceNs, clock, signal });
      this.#failures = 0;
      return entries;
    } catch (error) {
      signal.throwIfAborted();
      const nowNs = clock.nowNs();
      if (this.#failures === 0) this.#failingSinceNs = nowNs;
      this.#failures += 1;
      const isOwn = error instanceof JournalError;
      const limitNs = isOwn ? JOURNALCTL_LIMIT_NS : ENGINE_LIMIT_NS;
      const isLasting = this.#failures >= LEAST_ATTEMPTS && nowNs - this.#failingSinceNs >= limitNs;
      if (!isLasting && !(isOwn && error.isFinal)) throw new GapError(error);
      return undefined;
    }
  }
}
