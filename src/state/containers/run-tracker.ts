import type { ContainerDetails } from "../../domain/container.ts";
import type { RunsResume } from "../../domain/resume.ts";

/** Longest time by which an event's time is later than the time that inspect has of its change. */
const EVENT_LAG_NS = 5_000_000_000n;
/** Shortest time from an end to the next start: the engine waits before a policy restart. */
const LEAST_WAIT_NS = 100_000_000n;

/** Starts and ends that no event reported. */
export interface MissedRuns {
  readonly starts: number;
  readonly exits: number;
}

type RunFacts = Pick<ContainerDetails, "status" | "startedAtNs" | "finishedAtNs">;

/**
 * Tracks the runs of one container: which starts and ends were counted, so that a snapshot shows how
 * many were missed. Starts and ends alternate, so each one that is missed shows in the balance; runs
 * that were missed as a whole show in the policy restarts and in StartedAt.
 *
 * The event for a change that a snapshot reported first is pending: if it still comes, it is the
 * same change. The engine reports one container in order, so the first event that isn't pending
 * cancels the rest.
 */
export class RunTracker {
  /** False until counting begins: the runs before it was watched are unknown. */
  #isKnown: boolean;
  #open: number;
  #lastStartNs = 0n;
  /** Policy restarts that were counted, less starts that were. */
  #unmatched = 0;
  /** Events still to come: how many, time of the newest, and before when they happened. */
  #pending = {
    starts: 0,
    startNs: 0n,
    startsBeforeNs: 0n,
    exits: 0,
    exitNs: 0n,
    exitsBeforeNs: 0n,
  };

  /** @param from state of an earlier process; else whether it is watched since its creation */
  constructor(from: RunsResume | { readonly isNew: boolean }) {
    this.#isKnown = !("isNew" in from) || from.isNew;
    this.#open = "open" in from ? from.open : 0;
    if (!("open" in from)) return;
    this.#lastStartNs = from.lastStartNs;
    this.#unmatched = from.unmatched;
  }

  get resume(): RunsResume | undefined {
    if (!this.#isKnown) return undefined;
    return { open: this.#open, lastStartNs: this.#lastStartNs, unmatched: this.#unmatched };
  }

  /** True if counting has begun: runs can be missed. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** Runs counted as begun, less those counted as ended. */
  get open(): number {
    return this.#open;
  }

  /** Takes a start that an event reports; returns false if it was counted already. */
  started(timeNs: bigint): boolean {
    const isFirst = this.#lastStartNs === 0n;
    if (timeNs > this.#lastStartNs) this.#lastStartNs = timeNs;
    const pending = this.#pending;
    if (pending.starts > 0 && timeNs < pending.startsBeforeNs) {
      pending.starts = timeNs >= pending.startNs ? 0 : pending.starts - 1;
      return false;
    }
    this.#cancelPending();
    this.#open += 1;
    // The first start is no restart.
    if (!isFirst) this.#unmatched -= 1;
    return true;
  }

  /** Takes an end that an event reports; returns false if it was counted already. */
  ended(timeNs: bigint): boolean {
    const pending = this.#pending;
    if (pending.exits > 0 && timeNs < pending.exitsBeforeNs) {
      pending.exits = timeNs >= pending.exitNs ? 0 : pending.exits - 1;
      return false;
    }
    this.#cancelPending();
    this.#open -= 1;
    return true;
  }

  /** Adds policy restarts that were counted. The engine counts them at the end of a run. */
  restarted(count: number): void {
    this.#unmatched += count;
  }

  /** Settles the balance: no event is missing, so starts without a policy restart were manual. */
  settle({ status }: Pick<ContainerDetails, "status">): void {
    this.#unmatched = Math.max(status === "restarting" ? 1 : 0, this.#unmatched);
  }

  /** Begins counting with the engine's list. It has no times: every start counts as before `nowNs`. */
  beginListed(status: ContainerDetails["status"], nowNs: bigint): void {
    if (!this.#isKnown) this.#take({ status, startedAtNs: nowNs, finishedAtNs: 0n });
  }

  /**
   * Returns how many of all policy restarts can have happened since counting began: at most one for
   * each start since then, and one that waits for its start.
   */
  restartsSince(facts: RunFacts, restartCount: number): number {
    const isMissed = facts.startedAtNs > this.#lastStartNs || (isAlive(facts) && this.#open <= 0);
    const waits = facts.status === "restarting" ? 1 : 0;
    const starts = (isMissed ? 1 : 0) + waits - this.#unmatched;
    return Math.max(0, Math.min(restartCount, starts));
  }

  /** Begins counting with an inspection, unless it began before. */
  begin(facts: RunFacts): void {
    if (!this.#isKnown) this.#take(facts);
  }

  /**
   * Adopts an inspection. Every event before it was applied.
   *
   * @returns the missed starts and ends, which count as known from now on; undefined if counting
   *   begins here
   */
  reconcile(facts: RunFacts): MissedRuns | undefined {
    const alive = isAlive(facts) ? 1 : 0;
    if (!this.#isKnown) {
      this.#take(facts);
      return undefined;
    }
    const isStartNew = facts.startedAtNs > this.#lastStartNs;
    // A policy restart waits for its start, or was cancelled while it waited.
    const isWaiting = alive === 0 && (facts.status === "restarting" || !isStartNew);
    const isFirst = this.#lastStartNs === 0n && isStartNew;
    const starts = Math.max(
      this.#unmatched - (isWaiting ? 1 : 0) + (isFirst ? 1 : 0),
      isStartNew ? 1 : 0,
      alive - this.#open,
    );
    const exits = this.#open + starts - alive;
    this.#take(facts);
    const { startedAtNs, finishedAtNs } = facts;
    // A run that ends at once may have an end that is older than its start in inspect.
    const endNs = finishedAtNs > startedAtNs ? finishedAtNs : startedAtNs;
    this.#pending = {
      starts,
      startNs: startedAtNs,
      startsBeforeNs: alive === 1 ? startedAtNs + EVENT_LAG_NS : endNs + LEAST_WAIT_NS,
      exits,
      exitNs: finishedAtNs,
      exitsBeforeNs: alive === 1 ? startedAtNs : finishedAtNs + EVENT_LAG_NS,
    };
    return { starts, exits };
  }

  /** Ends all runs: the container is removed. Returns how many weren't seen to end. */
  close(): number {
    const open = this.#isKnown ? Math.max(0, this.#open) : 0;
    this.#open = 0;
    return open;
  }

  #take(facts: RunFacts): void {
    this.#isKnown = true;
    this.#open = isAlive(facts) ? 1 : 0;
    if (facts.startedAtNs > this.#lastStartNs) this.#lastStartNs = facts.startedAtNs;
    this.#unmatched = facts.status === "restarting" ? 1 : 0;
  }

  #cancelPending(): void {
    this.#pending.starts = 0;
    this.#pending.exits = 0;
  }
}

function isAlive({ status }: RunFacts): boolean {
  return status === "running" || status === "paused";
}
