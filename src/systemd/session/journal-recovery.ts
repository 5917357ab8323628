import { asError } from "../../platform/data/as-error.ts";
import type { Clock } from "../../domain/clock.ts";
import type { JournalEntry } from "../../domain/systemd.ts";
import { JournalError, readJournal } from "../format/journal.ts";
import type { JournalQuery } from "../format/journal.ts";

/** Failures in a row before the journal can count as unavailable. */
const LEAST_ATTEMPTS = 3;
/** Time for which journalctl may fail before the journal counts as unavailable. */
const JOURNALCTL_LIMIT_NS = 1_500_000_000n;
/** The same limit if the engine fails to run journalctl. */
const ENGINE_LIMIT_NS = 60_000_000_000n;
/** Pauses between attempts. */
const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 2_000;

/** The stream ended while the journal couldn't be read, so the gap stays open. */
export class GapError extends Error {
  override readonly name = "GapError";

  constructor(cause: unknown) {
    super(asError(cause).message, { cause });
  }
}

/** Reads the journal from `sinceNs` on. @throws as {@link readJournal} does */
export type ReadJournal = (
  query: Pick<JournalQuery, "sinceNs" | "signal">,
) => Promise<readonly JournalEntry[]>;

export interface JournalRecoveryOptions extends Pick<
  JournalQuery,
  "runtime" | "container" | "user"
> {
  readonly clock: Clock;
  /** Default: by a command in the container. */
  readonly read?: ReadJournal;
}

/** The ends of a read. */
export interface JournalReadSignals {
  /** Ends a read at once. */
  readonly signal: AbortSignal;
  /** Ends the attempts: the next stream has a longer gap to close. */
  readonly streamEnd: AbortSignal;
}

/** Read that hasn't begun. */
interface QueuedRead {
  readonly sinceNs: bigint;
  readonly signal: AbortSignal;
  readonly entries: Promise<readonly JournalEntry[] | undefined>;
}

/** Reads missed failures and restarts from one container's journal, beside its stream. */
export class JournalRecovery {
  readonly #options: JournalRecoveryOptions;
  #queued: QueuedRead | undefined = undefined;
  #failures = 0;
  #failingSinceNs = 0n;
  #lastRead: Promise<unknown> = Promise.resolve();

  constructor(options: JournalRecoveryOptions) {
    this.#options = options;
  }

  /**
   * Reads the entries from `sinceNs` on; none if that is undefined. A read that fails is repeated
   * while the stream is open: the container may be paused, or journald may start again. Returns
   * undefined if the journal is unavailable: a container without one is watched too.
   *
   * @throws GapError if the stream ends meanwhile
   */
  async missed(
    sinceNs: bigint | undefined,
    { signal, streamEnd }: JournalReadSignals,
  ): Promise<readonly JournalEntry[] | undefined> {
    if (sinceNs === undefined) return [];
    // A read that begins later has all that this one requires.
    const queued = this.#queued;
    if (queued !== undefined && queued.signal === signal && queued.sinceNs <= sinceNs) {
      return queued.entries;
    }
    // Entries of a later read follow those of an earlier one.
    const entries = this.#lastRead.then(() => {
      if (this.#queued?.entries === entries) this.#queued = undefined;
      return this.#read(sinceNs, { signal, streamEnd });
    });
    this.#queued = { sinceNs, signal, entries };
    this.#lastRead = entries.catch(() => {});
    return entries;
  }

  async #read(
    sinceNs: bigint,
    { signal, streamEnd }: JournalReadSignals,
  ): Promise<readonly JournalEntry[] | undefined> {
    const { runtime, container, clock, user } = this.#options;
    const byExec: ReadJournal = (query) =>
      readJournal({ runtime, container, clock, user, ...query });
    const { read = byExec } = this.#options;
    const either = AbortSignal.any([signal, streamEnd]);
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
      signal.throwIfAborted();
      try {
        const entries = await read({ sinceNs, signal });
        this.#failures = 0;
        return entries;
      } catch (error) {
        signal.throwIfAborted();
        if (this.#isLasting(error)) return undefined;
        await clock.sleep(pauseMs, either).catch(() => {});
        if (either.aborted) throw new GapError(error);
      }
    }
  }

  /** True if the error shows that the journal is unavailable. */
  #isLasting(error: unknown): boolean {
    const nowNs = this.#options.clock.nowNs();
    if (this.#failures === 0) this.#failingSinceNs = nowNs;
    this.#failures += 1;
    const isOwn = error instanceof JournalError;
    if (isOwn && error.isFinal) return true;
    const limitNs = isOwn ? JOURNALCTL_LIMIT_NS : ENGINE_LIMIT_NS;
    return this.#failures >= LEAST_ATTEMPTS && nowNs - this.#failingSinceNs >= limitNs;
  }
}
