import type { EngineEvent } from "../domain/engine-event.ts";

/** Keys kept to tell a replayed event: more than the engine itself keeps (256 events). */
const KEPT_KEYS = 1_024;

/**
 * Where in the engine's stream of events we are. The engine replays from a time on, inclusively, so
 * that what was seen already is told apart by time, id and action.
 */
export class EventCursor {
  #lastNs: bigint;
  readonly #seen = new Set<string>();

  /** @param sinceNs where to begin: Unix nanoseconds */
  constructor(sinceNs: bigint) {
    this.#lastNs = sinceNs;
  }

  /** Time to resume from: that of the newest event seen. */
  get sinceNs(): bigint {
    return this.#lastNs;
  }

  /** Takes note of an event; false where it was seen before. */
  advance(event: EngineEvent): boolean {
    const key = `${event.timeNs} ${event.id} ${event.action}`;
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    if (this.#seen.size > KEPT_KEYS) {
      for (const oldest of this.#seen) {
        this.#seen.delete(oldest);
        break;
      }
    }
    if (event.timeNs > this.#lastNs) this.#lastNs = event.timeNs;
    return true;
  }
}
