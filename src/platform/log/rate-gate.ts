import type { Clock } from "../../domain/clock.ts";
import { BoundedMap } from "../data/bounded-map.ts";

/** Keys that are remembered; past it the one that passed longest ago is evicted. */
const MAX_KEYS = 1024;

/** Lets one call pass per key and interval, and counts the suppressed others. */
export class RateGate {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #keys = new BoundedMap<string, { openAtMs: number; suppressed: number }>(MAX_KEYS);

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  /** Returns how many were suppressed since the last that passed; undefined if this one is. */
  pass(key: string, intervalMs: number): number | undefined {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#keys.get(key);
    if (known !== undefined && nowMs < known.openAtMs) {
      known.suppressed++;
      return undefined;
    }
    this.#keys.set(key, { openAtMs: nowMs + intervalMs, suppressed: 0 });
    return known?.suppressed ?? 0;
  }
}
