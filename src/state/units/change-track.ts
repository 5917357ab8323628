import type { Change } from "../../domain/change.ts";
import { HISTORY_NS } from "../../domain/recent.ts";
import type { EventKind } from "../../domain/event.ts";
import { closestPairs, type Pair } from "./closest-pairs.ts";

/** Changes of one kind that lie close together, or a single one. Times are Unix nanoseconds. */
export interface PastChange {
  readonly kind: EventKind;
  /** "" if it isn't about a unit, or about several. */
  readonly unit: string;
  readonly count: number;
  readonly firstNs: bigint;
  readonly lastNs: bigint;
  /** State before the first; undefined if unknown, or if it changes none. */
  readonly previousState: string | undefined;
  /** State after the last. */
  readonly state: string | undefined;
  /** Result of the unit that failed, or exit code of the container. */
  readonly result: string | undefined;
}

/** Entries of one track that are shown. */
export const MAX_ENTRIES = 64;
/** Entries beyond these that are kept until they become fewer at once. */
const SLACK = 32;
/** Changes that are the same within this span are one entry: a crash loop has hundreds. */
const SECOND_NS = 1_000_000_000n;

/**
 * The changes of the last hour of one unit or node, in bounded memory: those of a second that are the
 * same are one entry, and when there are too many, two of a kind that lie closest together become one.
 * The counts stay exact.
 */
export class ChangeTrack {
  /** From when on the track is complete: Unix nanoseconds. */
  sinceNs: bigint;
  #entries: PastChange[] = [];
  /** No entry's last change is older. */
  #oldestNs = 0n;

  constructor(sinceNs: bigint) {
    this.sinceNs = sinceNs;
  }

  get size(): number {
    return Math.min(this.#entries.length, MAX_ENTRIES);
  }

  /** When the newest change happened; 0n without one. */
  get lastNs(): bigint {
    return this.#entries.reduce((max, { lastNs }) => (lastNs > max ? lastNs : max), 0n);
  }

  /** Adds a change. One that is later than now counts as now, one that is older than an hour not at all. */
  add(change: PastChange, nowNs: bigint): void {
    this.#expire(nowNs);
    const timeNs = change.firstNs > nowNs ? nowNs : change.firstNs;
    if (timeNs <= nowNs - HISTORY_NS) return;
    if (this.#continue(change, timeNs)) return;
    let at = this.#entries.length;
    // Changes that were missed can come after later ones.
    while (at > 0 && (this.#entries[at - 1]?.firstNs ?? 0n) > timeNs) at -= 1;
    this.#entries.splice(at, 0, { ...change, firstNs: timeNs, lastNs: timeNs });
    if (timeNs < this.#oldestNs) this.#oldestNs = timeNs;
    if (this.#entries.length > MAX_ENTRIES + SLACK) this.#shrink();
  }

  /** Returns the entries of the hour that ends now, by their first change, the oldest first. */
  within(nowNs: bigint): readonly PastChange[] {
    this.#shrink();
    const startNs = nowNs - HISTORY_NS;
    if (this.#oldestNs > startNs) return this.#entries;
    return this.#entries.filter(({ lastNs }) => lastNs > startNs);
  }

  /** Removes entries that were over an hour ago. */
  #expire(nowNs: bigint): void {
    const startNs = nowNs - HISTORY_NS;
    if (this.#oldestNs > startNs) return;
    this.#entries = this.#entries.filter(({ lastNs }) => lastNs > startNs);
    this.#oldestNs = this.#entries.reduce(
      (min, { lastNs }) => (lastNs < min ? lastNs : min),
      nowNs,
    );
  }

  /** Adds a change to an entry of the same second; returns false if there is none. */
  #continue(change: PastChange, timeNs: bigint): boolean {
    const at = this.#entries.findLastIndex((entry) => isSame(entry, change));
    const entry = this.#entries[at];
    if (entry === undefined || timeNs < entry.firstNs || timeNs > entry.firstNs + SECOND_NS) {
      return false;
    }
    this.#entries[at] = joined(entry, { ...change, firstNs: timeNs, lastNs: timeNs });
    return true;
  }

  #shrink(): void {
    while (this.#entries.length > MAX_ENTRIES) {
      const excess = this.#entries.length - MAX_ENTRIES;
      if (this.#join(keyOf, excess) || this.#join(({ kind }) => kind, excess)) continue;
      const [oldest] = this.#entries.splice(0, 1);
      this.sinceNs = oldest?.lastNs ?? this.sinceNs;
    }
  }

  /** Joins at most `count` pairs of neighbours of one key, those that span the least; false without any. */
  #join(keyOfEntry: (entry: PastChange) => string, count: number): boolean {
    const lastOf = new Map<string, number>();
    const pairs: Pair[] = [];
    for (const [second, entry] of this.#entries.entries()) {
      const key = keyOfEntry(entry);
      const first = lastOf.get(key);
      lastOf.set(key, second);
      const span = Number(entry.lastNs - (this.#entries[first ?? second]?.firstNs ?? 0n));
      if (first !== undefined) pairs.push({ first, second, span });
    }
    const gone = new Set<number>();
    for (const { first, second } of closestPairs(pairs, count)) {
      const [kept, other] = [this.#entries[first], this.#entries[second]];
      if (kept !== undefined && other !== undefined) this.#entries[first] = joined(kept, other);
      gone.add(second);
    }
    this.#entries = this.#entries.filter((_, at) => !gone.has(at));
    return gone.size > 0;
  }
}

function keyOf({ kind, unit, state, result }: PastChange): string {
  return `${kind} ${unit} ${state} ${result}`;
}

function isSame(a: PastChange, b: PastChange): boolean {
  return a.kind === b.kind && a.unit === b.unit && a.state === b.state && a.result === b.result;
}

function joined(a: PastChange, b: PastChange): PastChange {
  const last = b.lastNs >= a.lastNs ? b : a;
  return {
    kind: a.kind,
    unit: a.unit === b.unit ? a.unit : "",
    count: a.count + b.count,
    firstNs: a.firstNs,
    lastNs: last.lastNs,
    previousState: a.previousState,
    state: last.state,
    result: last.result,
  };
}

/** Returns a change as an entry of its own. */
export function pastChange(change: Change): PastChange {
  const { kind, unit, timeNs } = change;
  const facts = { kind, unit, count: 1, firstNs: timeNs, lastNs: timeNs };
  if ("activeState" in change) {
    const { activeState: state, previousState, result } = change;
    return { ...facts, previousState, state, result };
  }
  if ("systemState" in change) {
    const { systemState: state, previousState } = change;
    return { ...facts, previousState, state, result: undefined };
  }
  const exitCode = change.kind === "container.die" ? change.exitCode : undefined;
  return {
    ...facts,
    previousState: undefined,
    state: stateAfter(change),
    result: exitCode === undefined ? undefined : String(exitCode),
  };
}

/** Returns the state of a container after its change; undefined if it changes none. */
function stateAfter(change: Change): string | undefined {
  if (change.kind === "container.health") return change.health;
  if (change.kind === "container.die") return "exited";
  if (change.kind === "container.pause") return "paused";
  const isRunning = change.kind === "container.start" || change.kind === "container.unpause";
  return isRunning ? "running" : undefined;
}
