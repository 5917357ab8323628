import type { ContainerDetails } from "../../domain/container.ts";
import type { LivesResume } from "../../domain/resume.ts";

/** How long after the time that inspect tells the engine may give its event: Unix nanoseconds. */
const EVENT_LAG_NS = 5_000_000_000n;
/** The least time from an end to the next start: the engine's own wait before a policy restart. */
const LEAST_WAIT_NS = 100_000_000n;

/** Lives that nothing told of. */
export interface MissedLives {
  readonly starts: number;
  readonly exits: number;
}

type LifeFacts = Pick<ContainerDetails, "status" | "startedAtNs" | "finishedAtNs">;

/**
 * Keeps account of the lives of one container: which starts and ends were counted, so that a
 * snapshot can tell how many were not. Starts and ends take turns, so each one that is missed shows
 * in the balance; lives that were missed as a whole show in the policy restarts and in StartedAt.
 *
 * What a snapshot was the first to tell of is owed an event: where that is still on its way, it is
 * the same change. The engine tells of one container in order, so that the first event which isn't
 * owed ends the debt.
 */
export class RunTracker {
  /** False where lives from before it was watched can't be told from missed ones. */
  #isKnown: boolean;
  #open: number;
  #lastStartNs = 0n;
  #unmatched = 0;
  readonly #owed = {
    starts: 0,
    startNs: 0n,
    startsBeforeNs: 0n,
    exits: 0,
    exitNs: 0n,
    exitsBeforeNs: 0n,
  };

  /** @param from what was known before; else whether the container is watched since its creation */
  constructor(from: LivesResume | { readonly isNew: boolean }) {
    this.#isKnown = !("isNew" in from) || from.isNew;
    this.#open = "open" in from ? from.open : 0;
    if (!("open" in from)) return;
    this.#lastStartNs = from.lastStartNs;
    this.#unmatched = from.unmatched;
  }

  get resume(): LivesResume | undefined {
    if (!this.#isKnown) return undefined;
    return { open: this.#open, lastStartNs: this.#lastStartNs, unmatched: this.#unmatched };
  }

  /** True where missed lives can be told from those before it was watched. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** Lives counted as begun and not as ended. */
  get open(): number {
    return this.#open;
  }

  /** An event tells of a start. False where that was counted already. */
  started(timeNs: bigint): boolean {
    const isFirst = this.#lastStartNs === 0n;
    if (timeNs > this.#lastStartNs) this.#lastStartNs = timeNs;
    const owed = this.#owed;
    if (owed.starts > 0 && timeNs < owed.startsBeforeNs) {
      owed.starts = timeNs >= owed.startNs ? 0 : owed.starts - 1;
      return false;
    }
    this.#forgive();
    this.#open += 1;
    // The first of all is nobody's restart.
    if (!isFirst) this.#unmatched -= 1;
    return true;
  }

  /** An event tells of an end. False where that was counted already. */
  ended(timeNs: bigint): boolean {
    const owed = this.#owed;
    if (owed.exits > 0 && timeNs < owed.exitsBeforeNs) {
      owed.exits = timeNs >= owed.exitNs ? 0 : owed.exits - 1;
      return false;
    }
    this.#forgive();
    this.#open -= 1;
    return true;
  }

  /** So many policy restarts were counted. The engine counts them at the end of a life. */
  restarted(count: number): void {
    this.#unmatched += count;
  }

  /** The events tell as much as inspect does: starts without a policy restart were others'. */
  settle({ status }: Pick<ContainerDetails, "status">): void {
    this.#unmatched = Math.max(status === "restarting" ? 1 : 0, this.#unmatched);
  }

  /**
   * Counting begins with what the engine's list says at `nowNs`, which has no times: whatever start
   * there was, it was before.
   */
  beginListed(status: ContainerDetails["status"], nowNs: bigint): void {
    if (!this.#isKnown) this.#take({ status, startedAtNs: nowNs, finishedAtNs: 0n });
  }

  /**
   * Of so many policy restarts in all, those that can have been since counting began: no more than
   * there were starts since, and one that waits for its start.
   */
  restartsSince(facts: LifeFacts, restartCount: number): number {
    const isMissed = facts.startedAtNs > this.#lastStartNs || (isAlive(facts) && this.#open <= 0);
    const waits = facts.status === "restarting" ? 1 : 0;
    const starts = (isMissed ? 1 : 0) + waits - this.#unmatched;
    return Math.max(0, Math.min(restartCount, starts));
  }

  /** Takes over what inspect says as where counting begins, unless it began before. */
  begin(facts: LifeFacts): void {
    if (!this.#isKnown) this.#take(facts);
  }

  /**
   * Takes over what inspect says while no event is on its way that it knows of.
   *
   * @returns the lives that no event told of, which are counted from now on; undefined where
   *   counting begins here
   */
  reconcile(facts: LifeFacts): MissedLives | undefined {
    const alive = isAlive(facts) ? 1 : 0;
    if (!this.#isKnown) {
      this.#take(facts);
      return undefined;
    }
    const isStartNew = facts.startedAtNs > this.#lastStartNs;
    // A policy restart waits for its start, or was called off while it waited.
    const isPending = alive === 0 && (facts.status === "restarting" || !isStartNew);
    const isFirst = this.#lastStartNs === 0n && isStartNew;
    const starts = Math.max(
      this.#unmatched - (isPending ? 1 : 0) + (isFirst ? 1 : 0),
      isStartNew ? 1 : 0,
      alive - this.#open,
    );
    const exits = this.#open + starts - alive;
    this.#take(facts);
    const { startedAtNs, finishedAtNs } = facts;
    // Of a life that has ended, the engine may have the end before the start: it ends at once.
    const endNs = finishedAtNs > startedAtNs ? finishedAtNs : startedAtNs;
    Object.assign(this.#owed, {
      starts,
      startNs: startedAtNs,
      startsBeforeNs: alive === 1 ? startedAtNs + EVENT_LAG_NS : endNs + LEAST_WAIT_NS,
      exits,
      exitNs: finishedAtNs,
      exitsBeforeNs: alive === 1 ? startedAtNs : finishedAtNs + EVENT_LAG_NS,
    });
    return { starts, exits };
  }

  /** It is gone: the lives that weren't seen to end have ended. */
  close(): number {
    const open = this.#isKnown ? Math.max(0, this.#open) : 0;
    this.#open = 0;
    return open;
  }

  #take(facts: LifeFacts): void {
    this.#isKnown = true;
    this.#open = isAlive(facts) ? 1 : 0;
    if (facts.startedAtNs > this.#lastStartNs) this.#lastStartNs = facts.startedAtNs;
    this.#unmatched = facts.status === "restarting" ? 1 : 0;
  }

  #forgive(): void {
    this.#owed.starts = 0;
    this.#owed.exits = 0;
  }
}

function isAlive({ status }: LifeFacts): boolean {
  return status === "running" || status === "paused";
}
