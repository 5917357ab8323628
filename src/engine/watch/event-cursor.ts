import type { EngineEvent } from "../../domain/engine-event.ts";
import type { CursorResume } from "../../domain/resume.ts";
import { BoundedMap } from "../../platform/data/bounded-map.ts";

/** Keys kept to tell a replayed event: more than the engine itself keeps (256 events). */
const KEPT_KEYS = 1_024;
/** Of these, what is kept for the next process. */
const RESUMED_KEYS = 300;

/**
 * Events that come about together can be told in another order than that of their times: so the
 * engine is asked for them from a little before the newest.
 */
const OVERLAP_NS = 1_000_000_000n;

/** How far back the engine is asked where its clock was set back. */
const SET_BACK_NS = 86_400_000_000_000n;

/**
 * Where in the engine's stream of events we are. The engine replays from a time on, inclusively, so
 * that what was seen already is told apart by time, id and action.
 */
export class EventCursor {
  #beginNs = 0n;
  #lastNs = 0n;
  #hasBegun = false;
  #isRestored = false;
  #isListed = false;
  #count = 0;
  readonly #seen = new BoundedMap<string, true>(KEPT_KEYS);
  /** While none was told that was seen: what isn't newer than this is older than all of those. */
  #oldUntilNs = -1n;
  /** What was found to be so. It is told again by each stream that goes back as far. */
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

  /** Time to resume from. What is told from then on and was seen isn't new. */
  get sinceNs(): bigint {
    const sinceNs = this.#lastNs - OVERLAP_NS;
    return sinceNs > this.#beginNs ? sinceNs : this.#beginNs;
  }

  /**
   * The same at `nowNs`. Where the newest event is ahead of that, the clock may have been set back,
   * and what came since bears earlier times: so it is as early as what was seen is told apart. Where
   * that is ahead too, the engine is asked for much more, in the order in which it keeps it: what it
   * tells before the first that was seen isn't new.
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

  /** The clock was set back, to `nowNs` or before. */
  setBack(nowNs: bigint): void {
    if (this.#lastNs > nowNs) this.#lastNs = nowNs;
    if (this.#beginNs > nowNs) this.#beginNs = nowNs;
  }

  /** Returns the position for the next process; undefined before the first complete listing. */
  resume(): CursorResume | undefined {
    if (!this.#isListed) return undefined;
    const seen = [...this.#seen.keys()].slice(-RESUMED_KEYS);
    return { beginNs: this.#beginNs, lastNs: this.#lastNs, seen, count: this.#count };
  }

  /** Takes note of an event; false where it was seen before. */
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
