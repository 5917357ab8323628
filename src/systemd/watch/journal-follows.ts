import type { Clock } from "../../domain/clock.ts";
import { logged } from "../../domain/container-name.ts";
import type { FollowedEntries, FollowJournal } from "../../domain/journal.ts";
import type { Logger } from "../../domain/log.ts";
import { Backoff, STREAM_BACKOFF } from "../../platform/time/backoff.ts";
import { supervise, Wake } from "../../platform/time/supervise.ts";
import type { ContainerRecord } from "../../state/containers/container-record.ts";
import type { Publisher } from "../../state/event-bus.ts";

const MAX_WAIT_MS = 25_000;
/** Attempts that aren't reported: a node boots. */
const QUIET_FAILURES = 6;
/** The engine's start time can be a little after the container's first moments. */
const START_MARGIN_NS = 500_000_000n;

export interface JournalFollowsOptions {
  /** Returns a follower of the container's journal; undefined if it isn't to be followed. */
  readonly followerOf: (record: ContainerRecord) => FollowJournal | undefined;
  /** Gets `journalEntries` and `dropped`. */
  readonly bus: Publisher;
  /** Notes that the position of a container's journal has changed. */
  readonly moved: (record: ContainerRecord) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Follow {
  readonly record: ContainerRecord;
  readonly end: AbortController;
  readonly wake: Wake;
  readonly done: Promise<void>;
}

/** Follows the journal of each container whose systemd runs, from where its state says. */
export class JournalFollows implements AsyncDisposable {
  readonly #options: JournalFollowsOptions;
  readonly #byId = new Map<string, Follow>();
  readonly #ending = new Set<Promise<void>>();
  #isClosed = false;

  constructor(options: JournalFollowsOptions) {
    this.#options = options;
  }

  /** Begins, wakes or ends the container's follow, as its state requires. */
  sync(record: ContainerRecord): void {
    if (this.#isClosed) return;
    const { id } = record.identity;
    const known = this.#byId.get(id);
    if (!record.alive || record.runsSystemd !== true) {
      if (known !== undefined) this.#end(known);
    } else if (known === undefined) {
      // The way to its systemd is known by then, which is the way to its journal too.
      if (record.systemd.up) this.#begin(record);
    } else if (!record.paused) known.wake.wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const follow of this.#byId.values()) this.#end(follow);
    await Promise.all(this.#ending);
  }

  #end({ record, end, done }: Follow): void {
    this.#byId.delete(record.identity.id);
    record.journalUp = undefined;
    end.abort(new Error("the follow ends"));
    this.#ending.add(done);
    void done.finally(() => this.#ending.delete(done));
  }

  #begin(record: ContainerRecord): void {
    const { clock, followerOf, moved } = this.#options;
    const follow = followerOf(record);
    if (follow === undefined) return;
    if (record.journalPosition === undefined) {
      // A container that starts while it is watched has all of its entries followed.
      const hasStarted = record.counters.starts > 0 && record.startedAtNs > 0n;
      const sinceNs = hasStarted ? record.startedAtNs - START_MARGIN_NS : clock.nowNs();
      record.journalPosition = { sinceNs };
      moved(record);
    }
    const end = new AbortController();
    const wake = new Wake();
    const done = this.#supervise(record, { follow, signal: end.signal, wake });
    record.journalUp = true;
    this.#byId.set(record.identity.id, { record, end, wake, done });
  }

  #supervise(
    record: ContainerRecord,
    {
      follow,
      signal,
      wake,
    }: { readonly follow: FollowJournal; readonly signal: AbortSignal; readonly wake: Wake },
  ): Promise<void> {
    const { clock, log, moved } = this.#options;
    const backoff = new Backoff({ ...STREAM_BACKOFF, maxMs: MAX_WAIT_MS });
    let failures = 0;
    let read = false;
    const attempt = async (): Promise<void> => {
      const from = record.journalPosition ?? { sinceNs: clock.nowNs() };
      read = false;
      const take = (entries: FollowedEntries): void => {
        if (signal.aborted) return;
        if (!read) backoff.reset();
        record.journalUp = true;
        read = true;
        failures = 0;
        this.#taken(record, entries);
      };
      await follow({ from, take, signal });
    };
    return supervise(attempt, {
      signal,
      clock,
      backoff,
      wake,
      ended: (error) => {
        failures += 1;
        if (error !== undefined && !read && /cursor/i.test(error.message)) {
          // journalctl rejects it: the container has printed it, and isn't trusted.
          record.journalPosition = { sinceNs: clock.nowNs() };
          moved(record);
          this.#lost(record);
        }
        const isMissing = (error as { readonly isFinal?: boolean } | undefined)?.isFinal === true;
        if (signal.aborted || record.paused) return;
        if (failures <= QUIET_FAILURES && !isMissing) return;
        record.journalUp = false;
        log.limited("journal follow").warn("journal not followed", {
          ...logged(record.identity),
          err: error,
        });
      },
    });
  }

  /** In one turn, so that the records and the position are stored together. */
  #taken(record: ContainerRecord, { lines, cursor, isAfterGap }: FollowedEntries): void {
    const { bus, moved } = this.#options;
    if (isAfterGap) this.#lost(record);
    const altered = lines.filter(({ isAltered }) => isAltered).length;
    if (altered > 0) bus.publish("dropped", { stage: "journal_entries", count: altered });
    if (lines.length > 0) bus.publish("journalEntries", { identity: record.identity, lines });
    record.journalPosition = { cursor };
    moved(record);
  }

  #lost(record: ContainerRecord): void {
    const { bus, log } = this.#options;
    bus.publish("dropped", { stage: "journal_gaps", count: 1 });
    log
      .limited("journal position")
      .warn(
        "journal entries missing, the journal no longer has the last one read",
        logged(record.identity),
      );
  }
}
