import type { Clock } from "../domain/clock.ts";
import type { Fleet } from "../state/fleet.ts";
import { every } from "../platform/time/every.ts";

/** How long a reader is given for the last lines, and an engine to take leave of us. */
export const CLOSE_MS = 1_000;

const SWEEP_MS = 10_000;
/** What is gone is kept for as long as a word may still come of it. */
const KEPT_NS = 60_000_000_000n;

/** Forgets containers that are gone, for a command that shows no counters of theirs. */
export function forgetGone(fleet: Fleet, clock: Clock): Disposable {
  return every(SWEEP_MS, clock, () => fleet.forgetDestroyed(clock.nowNs() - KEPT_NS));
}
