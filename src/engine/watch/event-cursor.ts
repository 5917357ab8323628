import type { EngineEvent } from "../../domain/engine-event.ts";
import type { CursorResume } from "../../domain/resume.ts";
import { BoundedMap } from "../../platform/data/bounded-map.ts";

/** Keys that recognise a replayed event: more than the 256 events that dockerd keeps. */
const KEPT_KEYS = 1_024;
/** Keys stored for the next process. */
const RESUMED_KEYS = 300;

/**
 * The engine can send simultaneous events out of the order of their times: a resume starts this long
 * before the newest one.
 */
const OVERLAP_NS = 1_000_000_000n;

/** How far back a replay starts after the engine's clock was set back. */
const SET_BACK_NS = 86_400_000_000_000n;

/**
 * The position in the engine's stream of events. The engine replays from a time on, inclusively; the
 * cursor recognises events that it has seen by time, id and action.
 */
export class EventCursor {
  #beginNs = 0n;
  #lastNs = 0n;
  #hasBegun = false;
  #isRestored = false;
  #isListed = false;
  #count = 0;
  readonly #seen = new BoundedMap<string, true>(KEPT_KEYS);
  /** Until a replay reaches the first seen event, events up to this time are older than all seen ones. */
  #oldUntilNs = -1n;
  /** Keys of such older events: each stream that goes back as far sends them again. */
  readonly #old = new BoundedMap<string, true>(KEPT_KEYS);

  /** Begins at `nowNs` (Unix nanoseconds). Does nothing when it has begun or was restored. */
  begin(nowNs: bigint): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#beginNs = nowNs;
    this.#lastNs = nowNs;
  }

  /** Begins where an earlier process stopped. */
  restore(resume: CursorResume): void {
    this.#hasBegun = true;
    this.#isRestored = true;
    this.#beginNs = resume.beginNs;
    this.#lastNs = resume.lastNs;
    this.#count = resume.count;
    for (const key of resume.seen) this.#seen.set(key, true);
  }

  /** True if it began where an earlier process stopped. */
  get isRestored(): boolean {
    return this.#isRestored;
  }

  /** Marks that a complete listing was folded in: {@link resume} has a value from now on. */
  listed(): void {
    this.#isListed = true;
  }

  /** Time of the newest event seen. */
  get lastNs(): bigint {
    return this.#lastNs;
  }

  /** Time to resume from: Unix nanoseconds. */
  get sinceNs(): bigint {
    const sinceNs = this.#lastNs - OVERLAP_NS;
    return sinceNs > this.#beginNs ? sinceNs : this.#beginNs;
  }

  /**
   * Returns the time to resume from at `nowNs`. If the newest event is ahead of `nowNs`, the clock
   * may have been set back, and later events have earlier times: the resume then starts at the
   * oldest event that the cursor recognises. If that is ahead too, it starts a day back, in the
   * engine's own order: events before the first seen one are not new.
   */
  sinceAt(nowNs: bigint): bigint {
    if (this.#lastNs <= nowNs) return this.sinceNs;
    const earliestNs = this.#earliestNs();
    if (earliestNs <= nowNs) return earliestNs;
    this.#oldUntilNs = nowNs;
    return nowNs > SET_BACK_NS ? nowNs - SET_BACK_NS : 0n;
  }

  #earliestNs(): bigint {
    if (this.#seen.size === this.#count) return this.#beginNs;
    let oldestNs = this.sinceNs;
    for (const key of this.#seen.keys()) {
      const [digits] = /^\d+/.exec(key) ?? [];
      if (digits !== undefined && BigInt(digits) < oldestNs) oldestNs = BigInt(digits);
    }
    return oldestNs;
  }

  /** Moves the position back after the clock was set back to `nowNs` or before. */
  setBack(nowNs: bigint): void {
    if (this.#lastNs > nowNs) this.#lastNs = nowNs;
    if (this.#beginNs > nowNs) this.#beginNs = nowNs;
  }

  /**
   * Returns the position for the next process; undefined before the first complete listing.
   *
   * @param options `isEarly`: before it, returns the earlier process's position, or one that isn't listed
   */
  resume({ isEarly = false }: { readonly isEarly?: boolean } = {}): CursorResume | undefined {
    if (!this.#isListed && !isEarly) return undefined;
    const seen = [...this.#seen.keys()].slice(-RESUMED_KEYS);
    const position = { beginNs: this.#beginNs, lastNs: this.#lastNs, seen, count: this.#count };
    return this.#isListed || this.#isRestored ? position : { ...position, isListed: false };
  }

  /** Records the event; returns false if it was seen before. */
  advance(event: EngineEvent): boolean {
    const key = `${event.timeNs} ${event.id} ${event.action}`;
    if (this.#seen.has(key)) {
      this.#oldUntilNs = -1n;
      return false;
    }
    if (this.#old.has(key)) return false;
    if (event.timeNs <= this.#oldUntilNs) {
      this.#old.set(key, true);
      return false;
    }
    this.#seen.set(key, true);
    this.#count += 1;
    if (event.timeNs > this.#lastNs) this.#lastNs = event.timeNs;
    return true;
  }
}
