import type { CountedChange, UnitFacts } from "./unit-facts.ts";
import { isFailureResult } from "./unit-facts.ts";

/** Values of Restart= that restart a service after failures alone. */
const FAILURES_ALONE = new Set(["on-failure", "on-abnormal", "on-abort", "on-watchdog"]);

/**
 * Returns how many ends of runs are known since the restart that was counted last: each explains one
 * restart. More than one if restarts between them were missed.
 */
export function knownEnds(facts: UnitFacts): number {
  const { failuresSinceRestart, fromListing, lastFailure, stateChangeNs } = facts;
  if (!hasEnded(facts)) return 0;
  // The signal of an end that a listing alone shows is still to come.
  const isUncounted = fromListing && (lastFailure?.timeNs ?? -1n) < stateChangeNs;
  return isUncounted ? failuresSinceRestart : Math.max(failuresSinceRestart, 1);
}

/** True if the newest run has ended: its end was counted, or was no failure. */
export function hasEnded(facts: UnitFacts): boolean {
  return endNs(facts) > (facts.lastRestart?.timeNs ?? -1n);
}

/** Returns the time of the newest run's end; -1n while it runs. */
function endNs(facts: UnitFacts): bigint {
  const { activeState, subState, stateChangeNs, lastFailure, isStarting } = facts;
  const isOver = activeState === "failed" || subState === "auto-restart";
  const failedNs = lastFailure?.timeNs ?? -1n;
  // The state is that after the run before.
  if (isStarting) return failedNs > stateChangeNs ? failedNs : -1n;
  if (failedNs >= stateChangeNs) return failedNs;
  return isOver ? stateChangeNs : -1n;
}

/** The newest run that ended before a restart; or, if it isn't known, the time of the restart. */
export interface LastRun {
  /** InvocationID; "" if it is unknown. */
  readonly invocationId: string;
  /** Time of its end or of the restart, or later. */
  readonly timeNs: bigint;
  /** True if `timeNs` is that of its end. */
  readonly isEnd: boolean;
  /** When it started; 0n if that is unknown. */
  readonly startNs: bigint;
}

/**
 * Returns how many runs can have ended from `sinceNs` until a restart, by the wait of RestartSec= after each
 * end. NRestarts shows more restarts than that if systemd numbered one twice: up to v252 when it was
 * reloaded, or executed itself again, before the restart was done.
 *
 * @param sinceNs time of the restart before or, if it is known, of the first end after it
 */
export function mostEnds(facts: UnitFacts, last: LastRun, sinceNs: bigint | undefined): number {
  const { restartDelayNs, lastFailure, lastRestart } = facts;
  if (restartDelayNs === 0n || sinceNs === undefined) return Number.POSITIVE_INFINITY;
  const { invocationId, startNs } = last;
  const isFailure = invocationId !== "" && lastFailure?.invocationId === invocationId;
  const isKnown = isFailure && lastFailure.timeNs > (lastRestart?.timeNs ?? -1n);
  const timeNs = isKnown ? lastFailure.timeNs : last.timeNs;
  const isEnd = isKnown || last.isEnd;
  const untilNs = isEnd && startNs > sinceNs && startNs < timeNs ? startNs : timeNs;
  const waits = Math.max(Number((untilNs - sinceNs) / restartDelayNs), 0);
  return isEnd ? waits + 1 : waits;
}

/** Returns a time before which no run has ended that is still to be numbered; undefined if it is unknown. */
export function endedSince(facts: UnitFacts): bigint | undefined {
  const { stateChangeNs, invocationId, lastRestart } = facts;
  if (lastRestart === undefined) return stateChangeNs > 0n ? stateChangeNs : undefined;
  const isOfRun = lastRestart.invocationId === invocationId;
  if (isOfRun && isOfWait(facts, lastRestart)) return lastRestart.timeNs + facts.restartDelayNs;
  return stateChangeNs > lastRestart.timeNs ? stateChangeNs : lastRestart.timeNs;
}

/** True if a restart was reported in the wait before it, so that it has the time at which that began. */
export function isOfWait({ subState, stateChangeNs }: UnitFacts, restart: CountedChange): boolean {
  return subState === "auto-restart" && restart.timeNs === stateChangeNs;
}

/** True if Restart= restarts the service after failures alone. */
export function restartsAfterFailuresAlone({ policy = "" }: Pick<UnitFacts, "policy">): boolean {
  return FAILURES_ALONE.has(policy);
}

/**
 * True if a restart of the service shows a failure, false if not; undefined if that is unknown. With
 * Restart=always, the end of the run before is taken for the others: a service that crashes in a loop
 * goes on to crash.
 */
export function restartsShowFailures(facts: UnitFacts): boolean | undefined {
  const { policy, lastFailure, lastRestart, result } = facts;
  if (restartsAfterFailuresAlone(facts)) return true;
  if (policy === "on-success") return false;
  if (hasEnded(facts)) {
    if (endNs(facts) === lastFailure?.timeNs) return true;
    return result === undefined ? undefined : isFailureResult(result);
  }
  if (lastRestart === undefined) return lastFailure === undefined ? undefined : true;
  if (lastFailure === undefined) return false;
  const ids = [lastRestart.invocationId, lastFailure.invocationId];
  return ids[0] === ids[1] || ids.includes("");
}

/**
 * True if the unit is active since another time than before, which shows a start that was missed. One
 * by Restart= is shown by its restart.
 */
export function isMissedStart(facts: UnitFacts, activeEnterNs: bigint): boolean {
  const { activeEnterNs: beforeNs, lastRestart } = facts;
  if (beforeNs === 0n || activeEnterNs === 0n || activeEnterNs === beforeNs) return false;
  return lastRestart === undefined || lastRestart.timeNs <= beforeNs;
}
