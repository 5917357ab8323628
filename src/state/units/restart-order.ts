import type { UnitFacts } from "./unit-facts.ts";
import { isFailureResult } from "./unit-facts.ts";

/** Values of Restart= that restart a service after failures alone. */
const FAILURES_ALONE = new Set(["on-failure", "on-abnormal", "on-abort", "on-watchdog"]);

/**
 * Returns how many ends of runs are known since the restart that was counted last: each explains one
 * restart. More than one if restarts between them were missed.
 */
export function knownEnds(facts: UnitFacts): number {
  return hasEnded(facts) ? Math.max(facts.failuresSinceRestart, 1) : 0;
}

/** True if the newest run has ended: its end was counted, or was no failure. */
export function hasEnded(facts: UnitFacts): boolean {
  return endNs(facts) > (facts.lastRestart?.timeNs ?? -1n);
}

/** Returns the time of the newest run's end; -1n while it runs. */
function endNs({ activeState, subState, stateChangeNs, lastFailure }: UnitFacts): bigint {
  const isOver = activeState === "failed" || subState === "auto-restart";
  const failedNs = lastFailure?.timeNs ?? -1n;
  if (failedNs >= stateChangeNs) return failedNs;
  return isOver ? stateChangeNs : -1n;
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
