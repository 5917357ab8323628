import type { Change } from "../../domain/change.ts";
import { HISTORY_NS } from "../../domain/recent.ts";
import type { EventKind } from "../../domain/event.ts";

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

/** Entries of one track. */
export const MAX_ENTRIES = 64;
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

  constructor(sinceNs: bigint) {
    this.sinceNs = sinceNs;
  }

  get size(): number {
    return this.#entries.length;
  }

  /** When the newest change happened; 0n without one. */
  get lastNs(): bigint {
    return this.#entries.reduce((max, { lastNs }) => (lastNs > max ? lastNs : max), 0n);
  }

  /** Adds a change. One that is later than now counts as now, one that is older than an hour not at all. */
  add(change: PastChange, nowNs: bigint): void {
    const recent = this.within(nowNs);
    if (recent !== this.#entries) this.#entries = [...recent];
    const timeNs = change.firstNs > nowNs ? nowNs : change.firstNs;
    if (timeNs <= nowNs - HISTORY_NS) return;
    if (this.#continue(change, timeNs)) return;
    let at = this.#entries.length;
    // Changes that were missed can come after later ones.
    while (at > 0 && (this.#entries[at - 1]?.firstNs ?? 0n) > timeNs) at -= 1;
    this.#entries.splice(at, 0, { ...change, firstNs: timeNs, lastNs: timeNs });
    if (this.#entries.length > MAX_ENTRIES) this.#shrink();
  }

  /** Returns the entries of the hour that ends now, by their first change, the oldest first. */
  within(nowNs: bigint): readonly PastChange[] {
    const startNs = nowNs - HISTORY_NS;
    const isOver = ({ lastNs }: PastChange): boolean => lastNs <= startNs;
    return this.#entries.some(isOver)
      ? this.#entries.filter((entry) => !isOver(entry))
      : this.#entries;
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
    const pair = this.#closest(keyOf) ?? this.#closest(({ kind }) => kind);
    if (pair === undefined) {
      const [oldest] = this.#entries.splice(0, 1);
      this.sinceNs = oldest?.lastNs ?? this.sinceNs;
      return;
    }
    const [first, second] = pair;
    const [gone] = this.#entries.splice(second, 1);
    const kept = this.#entries[first];
    if (kept !== undefined && gone !== undefined) this.#entries[first] = joined(kept, gone);
  }

  /** Returns the positions of the two neighbours of one key that span the least time. */
  #closest(keyOfEntry: (entry: PastChange) => string): readonly [number, number] | undefined {
    const lastOf = new Map<string, number>();
    let best: readonly [number, number] | undefined;
    let least = 0n;
    for (const [second, entry] of this.#entries.entries()) {
      const key = keyOfEntry(entry);
      const first = lastOf.get(key);
      lastOf.set(key, second);
      if (first === undefined) continue;
      const spanNs = entry.lastNs - (this.#entries[first]?.firstNs ?? 0n);
      if (best !== undefined && spanNs >= least) continue;
      best = [first, second];
      least = spanNs;
    }
    return best;
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
