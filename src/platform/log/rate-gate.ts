import type { Clock } from "../../domain/clock.ts";

/** Keys that are remembered; past it the one that was first seen is forgotten. */
const MAX_KEYS = 1024;

/** Lets one pass per key and interval, and counts the others. */
export class RateGate {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #keys = new Map<string, { openAtMs: number; suppressed: number }>();

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  /** How many were held back since the last that passed; undefined where this one is held back. */
  pass(key: string, intervalMs: number): number | undefined {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#keys.get(key);
    if (known !== undefined && nowMs < known.openAtMs) {
      known.suppressed++;
      return undefined;
    }
    if (known === undefined && this.#keys.size >= MAX_KEYS) {
      for (const oldest of this.#keys.keys()) {
        this.#keys.delete(oldest);
        break;
      }
    }
    this.#keys.set(key, { openAtMs: nowMs + intervalMs, suppressed: 0 });
    return known?.suppressed ?? 0;
  }
}
