import { RECENT_MS, RECENT_STRIDE as STRIDE } from "../../domain/recent.ts";
import type { Recent, RecentGroups } from "../../domain/recent.ts";

/** Groups of events that are kept: up to so many events the count is exact. */
export const MAX_GROUPS = 32;
/** Groups that the next process restores: each change of a container writes them again. */
export const MAX_STORED_GROUPS = 8;

/**
 * Counts how often something happened lately, in bounded memory: events are kept one by one, and when
 * they are too many, those that lie closest together as one group, which expires with its last event.
 * An event that is older than the window is not counted. Reads no clock: the caller says what time it is.
 */
export class RecentEvents {
  /** As {@link RecentGroups}. Most containers and units never have one: they need no array. */
  #groups: number[] | undefined = undefined;

  /**
   * Adds `count` events of one moment. Its time is what the source says: one that is later than
   * `nowNs` counts as now, and expires no event that is recent. Both in Unix nanoseconds.
   */
  add(timeNs: bigint, nowNs: bigint, count = 1): void {
    const nowMs = Number(nowNs) / 1e6;
    const timeMs = Math.min(Number(timeNs) / 1e6, nowMs);
    this.#expire(nowMs);
    this.#add(timeMs, timeMs, count);
  }

  /** Adds the events of another one. */
  addAll(more: RecentEvents): void {
    const groups = more.#groups ?? [];
    for (let at = 0; at < groups.length; at += STRIDE) {
      this.#add(groups[at] ?? 0, groups[at + 1] ?? 0, groups[at + 2] ?? 0);
    }
  }

  #add(firstMs: number, lastMs: number, count: number): void {
    const groups = (this.#groups ??= []);
    let at = groups.length;
    // Events that were missed can come after later ones.
    while (at > 0 && (groups[at - STRIDE] ?? 0) > firstMs) at -= STRIDE;
    groups.splice(at, 0, firstMs, lastMs, count);
    if (groups.length > MAX_GROUPS * STRIDE) join(groups);
  }

  /** Returns what the next process restores. */
  stored(nowNs: bigint): RecentGroups {
    if (this.within(nowNs) === undefined) return [];
    return joined(this.#groups ?? [], MAX_STORED_GROUPS);
  }

  /** Adds what an earlier process stored. */
  restore(groups: RecentGroups, nowNs: bigint): void {
    const nowMs = Number(nowNs) / 1e6;
    for (let at = 0; at + STRIDE <= groups.length; at += STRIDE) {
      const [firstMs = 0, lastMs = 0, count = 0] = groups.slice(at, at + STRIDE);
      this.#add(Math.min(firstMs, nowMs), Math.min(lastMs, nowMs), count);
    }
  }

  /** Returns what happened in the window that ends now; undefined if nothing did. */
  within(nowNs: bigint): Recent | undefined {
    const groups = this.#groups;
    if (groups === undefined) return undefined;
    const nowMs = Number(nowNs) / 1e6;
    this.#limit(nowMs);
    this.#expire(nowMs);
    if (groups.length === 0) {
      this.#groups = undefined;
      return undefined;
    }
    let count = 0;
    for (let at = 0; at < groups.length; at += STRIDE) count += groups[at + 2] ?? 0;
    return { count, firstNs: ns(groups[0]), lastNs: ns(groups.at(-2)) };
  }

  /** Removes the groups that ended before the window which ends at `nowMs`. */
  #expire(nowMs: number): void {
    const groups = this.#groups ?? [];
    let gone = 0;
    while (gone < groups.length && (groups[gone + 1] ?? 0) <= nowMs - RECENT_MS) gone += STRIDE;
    if (gone > 0) groups.splice(0, gone);
  }

  /** Follows a clock that was set back: no time is later than now. */
  #limit(nowMs: number): void {
    const groups = this.#groups ?? [];
    for (let at = groups.length - STRIDE; at >= 0; at -= STRIDE) {
      if ((groups[at + 1] ?? 0) <= nowMs) return;
      groups[at] = Math.min(groups[at] ?? 0, nowMs);
      groups[at + 1] = nowMs;
    }
  }
}

/** Joins the two neighbours that span the least time. */
function join(groups: number[]): void {
  const span = (at: number): number => (groups[at + STRIDE + 1] ?? 0) - (groups[at] ?? 0);
  let best = 0;
  for (let at = STRIDE; at + STRIDE < groups.length; at += STRIDE) {
    if (span(at) < span(best)) best = at;
  }
  groups[best + 1] = Math.max(groups[best + 1] ?? 0, groups[best + STRIDE + 1] ?? 0);
  groups[best + 2] = (groups[best + 2] ?? 0) + (groups[best + STRIDE + 2] ?? 0);
  groups.splice(best + STRIDE, STRIDE);
}

/** Returns at most `max` groups: as many neighbours are joined to each, or one more to the oldest. */
function joined(groups: readonly number[], max: number): number[] {
  const count = groups.length / STRIDE;
  const left: number[] = [];
  for (let at = 0, of = Math.min(max, count); of > 0; of -= 1) {
    const end = at + Math.ceil((count - at / STRIDE) / of) * STRIDE;
    const firstMs = groups[at] ?? 0;
    let lastMs = 0;
    let events = 0;
    for (; at < end; at += STRIDE) {
      lastMs = Math.max(lastMs, groups[at + 1] ?? 0);
      events += groups[at + 2] ?? 0;
    }
    left.push(Math.floor(firstMs), Math.floor(lastMs), events);
  }
  return left;
}

function ns(timeMs = 0): bigint {
  return BigInt(Math.round(timeMs * 1e3)) * 1_000n;
}
