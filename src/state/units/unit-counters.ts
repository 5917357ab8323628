import type { Counting } from "../../domain/label-set.ts";
import type { Recent, RecentGroups } from "../../domain/recent.ts";
import { RecentEvents } from "./recent-events.ts";
import { OomKills } from "./oom-kills.ts";
import type { UnitOutcome } from "./unit-facts.ts";

/** systemd has a dozen results; a container that makes up more gets one series for them all. */
const MAX_RESULTS = 24;
const RESULT_OTHER = "other";
/** Result if systemd reported none. */
const RESULT_UNKNOWN = "unknown";
const OOM_KILL = "oom-kill";
const NO_FAILURES: ReadonlyMap<string, number> = new Map();

/** Counts the failures and restarts of one unit, over all runs of its container. */
export class UnitCounters implements Counting {
  readonly sinceNs: bigint;
  /** Most units never fail: they need no map. */
  #failures: Map<string, number> | undefined = undefined;
  #restarts = 0;
  #oomKills: OomKills | undefined = undefined;
  /** True once OOMKills was read. */
  #isOomKillsKnown = false;
  #recentFailures: RecentEvents | undefined = undefined;
  #recentRestarts: RecentEvents | undefined = undefined;

  constructor(sinceNs: bigint) {
    this.sinceNs = sinceNs;
  }

  /** Failures by Result. */
  get failures(): ReadonlyMap<string, number> {
    return this.#failures ?? NO_FAILURES;
  }

  /** OOM kills; see {@link OomKills}. */
  get oomKills(): number {
    return this.#oomKills?.count ?? 0;
  }

  /** Restarts by Restart=. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Returns the failures of the window of RECENT_MS that ends now; undefined without one. */
  recentFailures(nowNs: bigint): Recent | undefined {
    return this.#recentFailures?.within(nowNs);
  }

  /** Returns the restarts of that window; undefined without one. */
  recentRestarts(nowNs: bigint): Recent | undefined {
    return this.#recentRestarts?.within(nowNs);
  }

  /** Returns what is recent, for the next process. */
  stored(nowNs: bigint): { readonly failures: RecentGroups; readonly restarts: RecentGroups } {
    return {
      failures: this.#recentFailures?.stored(nowNs) ?? [],
      restarts: this.#recentRestarts?.stored(nowNs) ?? [],
    };
  }

  /** Adds what was recent in an earlier process; it isn't counted otherwise. */
  restore(
    recent: { readonly failures: RecentGroups; readonly restarts: RecentGroups },
    nowNs: bigint,
  ): void {
    const { failures, restarts } = recent;
    if (failures.length > 0) (this.#recentFailures ??= new RecentEvents()).restore(failures, nowNs);
    if (restarts.length > 0) (this.#recentRestarts ??= new RecentEvents()).restore(restarts, nowNs);
  }

  get isZero(): boolean {
    return this.#restarts === 0 && this.#failures === undefined && this.oomKills === 0;
  }

  /**
   * Adds what an outcome counts.
   *
   * @param nowNs the present by our own clock: Unix nanoseconds
   */
  count(outcome: UnitOutcome, nowNs: bigint): void {
    switch (outcome.kind) {
      case "failure":
        this.countFailure(outcome.result ?? RESULT_UNKNOWN);
        if (outcome.result === OOM_KILL) {
          (this.#oomKills ??= new OomKills()).addResult(outcome.counted.invocationId);
        }
        (this.#recentFailures ??= new RecentEvents()).add(outcome.timeNs, nowNs);
        break;
      case "restart":
        this.countRestarts(outcome.count);
        (this.#recentRestarts ??= new RecentEvents()).add(outcome.timeNs, nowNs, outcome.count);
        break;
      case "transition":
      case "removal":
        break;
      default:
        outcome satisfies never;
    }
  }

  /**
   * Adds what OOMKills of a run shows.
   *
   * @param beganBefore true if the run began before counting
   */
  countOomKills(invocationId: string, kills: number, beganBefore: boolean): void {
    const isFirst = !this.#isOomKillsKnown;
    this.#isOomKillsKnown = true;
    if (kills === 0 && this.#oomKills === undefined) return;
    (this.#oomKills ??= new OomKills()).addProperty(invocationId, kills, isFirst && beganBefore);
  }

  /** Adds the counts of the same unit in another container that has taken the name of this one. */
  add(more: UnitCounters): void {
    for (const [result, count] of more.failures) this.countFailure(result, count);
    this.#restarts += more.#restarts;
    if (more.#oomKills !== undefined) (this.#oomKills ??= new OomKills()).add(more.#oomKills);
    if (more.#recentFailures !== undefined) {
      (this.#recentFailures ??= new RecentEvents()).addAll(more.#recentFailures);
    }
    if (more.#recentRestarts !== undefined) {
      (this.#recentRestarts ??= new RecentEvents()).addAll(more.#recentRestarts);
    }
  }

  countFailure(result: string, count = 1): void {
    const failures = (this.#failures ??= new Map<string, number>());
    const isOneMore = !failures.has(result) && failures.size >= MAX_RESULTS;
    const key = isOneMore ? RESULT_OTHER : result;
    failures.set(key, (failures.get(key) ?? 0) + count);
  }

  countRestarts(count: number): void {
    this.#restarts += count;
  }
}
