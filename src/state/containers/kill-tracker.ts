import type { OomKillCounts } from "../../domain/container-usage.ts";

/** A kill that the kernel showed, and of which the engine may still send an event. */
interface Shown {
  readonly timeNs: bigint;
  count: number;
}

/** Longest time between a kill and the engine's event of it: the engine may have been stopped. */
const EVENT_NS = 60_000_000_000n;
/** Readings whose kills may still get an event. */
const MAX_SHOWN = 16;

/**
 * Decides which kills for lack of memory in one run of a container count, where both the engine's
 * events and the kernel's own count show them. Each kill counts once, whichever shows it first. The
 * kernel's count is exact; an event can stand for several kills, and may not come at all.
 *
 * A kill of all processes of a cgroup counts once, as it is one decision of the kernel.
 */
export class KillTracker {
  /** Newest count of the kernel; undefined until the first. */
  #seen: OomKillCounts | undefined;
  /** Events that counted, and that the kernel's count hasn't shown yet. */
  #ahead = 0;
  #shown: Shown[] = [];

  /** Begins a run whose cgroup is new: all that the kernel counts in it happens in this run. */
  began(): void {
    this.#seen = { killed: 0, groups: 0 };
    this.#ahead = 0;
    this.#shown = [];
  }

  /** Folds in an event; returns false if the kernel's count has shown that kill. */
  event(timeNs: bigint): boolean {
    const shown = this.#shown.find((each) => each.count > 0 && isNear(each.timeNs, timeNs));
    if (shown !== undefined) {
      shown.count -= 1;
      return false;
    }
    this.#ahead += 1;
    return true;
  }

  /** Folds in the kernel's count; returns how many kills count that no event has shown. */
  counted(counts: OomKillCounts, timeNs: bigint): number {
    const before = this.#seen;
    this.#seen = counts;
    if (before === undefined || counts.killed < before.killed) {
      // Kills before the watch, and those of the events so far; or a run whose start was missed.
      this.#ahead = 0;
      return 0;
    }
    const killed = counts.killed - before.killed;
    const groups = Math.max(0, counts.groups - before.groups);
    const known = Math.min(this.#ahead, killed);
    this.#ahead -= known;
    const unknown = killed - known;
    if (unknown === 0) return 0;
    this.#shown = [...this.#shown, { timeNs, count: unknown }].slice(-MAX_SHOWN);
    return groups > 0 ? Math.max(0, groups - known) : unknown;
  }
}

function isNear(a: bigint, b: bigint): boolean {
  return a - b <= EVENT_NS && b - a <= EVENT_NS;
}
