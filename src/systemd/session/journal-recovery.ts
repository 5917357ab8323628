import { asError } from "../../platform/data/as-error.ts";
import type { Clock } from "../../domain/clock.ts";
import type { JournalEntry } from "../../domain/systemd.ts";
import { JournalError, readJournal } from "../format/journal.ts";
import type { JournalQuery } from "../format/journal.ts";

/** Failures in a row before the journal can count as unavailable. */
const LEAST_ATTEMPTS = 3;
/** Time for which journalctl may fail before the journal counts as unavailable. */
const JOURNALCTL_LIMIT_NS = 3_000_000_000n;
/** The same limit if the engine fails to run journalctl. */
const ENGINE_LIMIT_NS = 60_000_000_000n;

/** Reads in the queue: each re-execution of systemd adds one, and a container can fake any number. */
const MAX_WAITING = 4;

/** The journal can't be read now, so the gap stays open. */
export class GapError extends Error {
  override readonly name = "GapError";

  constructor(cause: unknown) {
    super(asError(cause).message, { cause });
  }
}

export interface JournalRecoveryOptions extends Pick<JournalQuery, "runtime" | "container"> {
  readonly clock: Clock;
}

/** Reads missed failures and restarts from one container's journal. */
export class JournalRecovery {
  readonly #options: JournalRecoveryOptions;
  /** Number of pending reads. */
  #waiting = 0;
  #failures = 0;
  #failingSinceNs = 0n;
  #lastRead: Promise<unknown> = Promise.resolve();

  constructor(options: JournalRecoveryOptions) {
    this.#options = options;
  }

  /**
   * Reads the entries from `sinceNs` on; none if that is undefined. Returns undefined if the journal
   * is unavailable: a container without one is watched too.
   *
   * @throws GapError if another attempt, on another stream, may succeed: the container may be paused
   */
  async missed(
    sinceNs: bigint | undefined,
    signal: AbortSignal,
  ): Promise<readonly JournalEntry[] | undefined> {
    if (sinceNs === undefined) return [];
    if (this.#waiting >= MAX_WAITING) {
      throw new GapError(
        new Error("systemd executes itself again faster than its journal can be read"),
      );
    }
    this.#waiting += 1;
    // Entries of a later read follow those of an earlier one.
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
