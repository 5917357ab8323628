import type { ServiceEvidence } from "../../domain/systemd.ts";
import { type EvidenceFold, foldMissed, hasFailed, isNewFailure } from "./fold-evidence.ts";
import { isRestarting } from "./fold-evidence.ts";
import type { GapCounts } from "./gap-counts.ts";
import {
  knownEnds,
  mostEnds,
  restartsAfterFailuresAlone,
  restartsShowFailures,
} from "./restart-order.ts";
import { isFailureResult, NO_OUTCOMES, type UnitFacts } from "./unit-facts.ts";

/**
 * Compares a service with what the journal and signals have reported since a gap began, and counts what
 * the journal has lost.
 *
 * NRestarts and the number of ends, from before the gap until now, show how many failures there were at
 * least, whatever reported them: each restart follows the end of a run. A start by hand sets NRestarts to
 * 0, which can hide failures, and never shows one too many.
 */
export function foldLostLines(
  reported: UnitFacts,
  evidence: ServiceEvidence,
  gap: { readonly counts: GapCounts; readonly sinceNs: bigint; readonly room: number },
): EvidenceFold {
  const { counts, sinceNs, room } = gap;
  // The end of the newest run came before the newest restart.
  const isRestarted = isRestartCancelled(counts, evidence);
  const isOver = hasFailed(evidence) && !isRestarted;
  const facts = isOver ? inOrder(reported, evidence) : reported;
  const { restarts: number = 0, result, invocationId } = evidence;
  const isNumbered =
    counts.restartsSeen !== undefined &&
    number >= Math.max(counts.restartsSeen, facts.restartsSeen ?? 0);
  const all = isNumbered ? number - (counts.restartsSeen ?? 0) : 0;
  const restarts = isNumbered ? all - counts.restarts : 0;
  const isEndKnown = isKnownEnd(facts, evidence, counts);
  // The restart after the newest run is numbered.
  const isDone = isRestarted || isRestarting(evidence);
  // The user can have stopped it in its wait since.
  const isCancelled = evidence.activeState === "inactive" && invocationId !== "";
  const isOfGap = counts.isRunning || evidence.mainStartNs >= sinceNs;
  const isFailedNow =
    isOver &&
    (isNewFailure(facts, evidence, sinceNs) ||
      ((isCancelled || counts.isNew) && isOfGap && !isEndKnown));
  // With more restarts than NRestarts shows, that began again from 0.
  let ends = 0;
  if (isNumbered && restarts >= 0) {
    ends = isStillIn(counts, evidence)
      ? Number(counts.isRunning && isDone && !isEndKnown && isFailureResult(result))
      : counts.restarts -
        counts.repeated +
        endsSinceRestart(facts, evidence, { counts, restarts, isOver }) -
        counts.ends -
        counts.failures;
  }
  const older = Math.max(ends - (isFailedNow ? 1 : 0), 0);
  const isLastFailed = older > 0 && isDone && !isEndKnown && isFailureResult(result);
  const last = isLastFailed ? 1 : 0;
  const now = { ...facts, policy: evidence.policy ?? facts.policy };
  // A restart whose line is there had its say: its run ended well, unless Restart= shows otherwise.
  const unseen = Math.min(older - last, Math.max(restarts, 0));
  const others = restartsAfterFailuresAlone(now)
    ? older - last
    : restartsShowFailures(now) === true
      ? unseen
      : 0;
  const missed = {
    failures: last + others,
    counted: counts.failures,
    isLastFailed,
    restarts: Math.max(restarts, 0),
    isFailedNow,
    unknownEnds: 0,
  };
  if (missed.failures === 0 && missed.restarts === 0 && !isFailedNow) {
    const { restartDelayNs } = evidence;
    return { facts: { ...now, restartDelayNs }, outcomes: NO_OUTCOMES, unknownEnds: 0 };
  }
  return foldMissed(facts, evidence, { missed, room });
}

/** Returns how many ends of runs NRestarts shows since the newest restart that was counted. */
function endsSinceRestart(
  facts: UnitFacts,
  evidence: ServiceEvidence,
  known: { readonly counts: GapCounts; readonly restarts: number; readonly isOver: boolean },
): number {
  const { counts, restarts, isOver } = known;
  const { activeState, invocationId, stateChangeNs, mainStartNs } = evidence;
  if (counts.isNew && counts.isSignalled) return restarts + (isOver ? 1 : 0);
  const isSecond = isRestarting(evidence) && counts.restartedRun === invocationId;
  const isEnd = isOver || isRestarting(evidence);
  // At the start limit the run fails again.
  const run =
    activeState === "failed"
      ? { invocationId: "", startNs: 0n }
      : { invocationId, startNs: mainStartNs };
  const last = { ...run, timeNs: stateChangeNs, isEnd };
  const withDelay = { ...facts, restartDelayNs: evidence.restartDelayNs };
  const most = isSecond ? 0 : mostEnds(withDelay, last, counts.endedSinceNs);
  return Math.min(restarts + (isOver ? 1 : 0), most);
}

/**
 * True if the user stopped the service after its restart was scheduled, and before it was done: RestartSec=
 * after it began to wait.
 */
function isRestartCancelled({ restartedRun }: GapCounts, evidence: ServiceEvidence): boolean {
  const { activeState, invocationId, restartDelayNs, stateChangeNs } = evidence;
  if (activeState !== "inactive" || invocationId === "") return false;
  if (restartedRun === invocationId) return true;
  // With RestartMode=direct it isn't inactive before the wait.
  const { inactiveExitNs, mainStartNs, mainExitNs } = evidence;
  const waitsSinceNs = inactiveExitNs > mainExitNs ? inactiveExitNs : mainExitNs;
  const isWait = waitsSinceNs > mainStartNs && waitsSinceNs > evidence.activeEnterNs;
  return restartDelayNs > 0n && isWait && stateChangeNs - waitsSinceNs >= restartDelayNs;
}

/**
 * Puts the newest restart before the end of the run that followed it. A signal that is the first after a
 * gap, in a wait, doesn't say whether the restart of this wait was counted.
 */
function inOrder(facts: UnitFacts, evidence: ServiceEvidence): UnitFacts {
  const { lastFailure, lastRestart, failuresSinceRestart } = facts;
  if (lastFailure === undefined || lastRestart === undefined) return facts;
  const isEnded = hasFailed(evidence) && lastFailure.invocationId === evidence.invocationId;
  if (!isEnded || lastRestart.timeNs < lastFailure.timeNs) return facts;
  return {
    ...facts,
    lastRestart: { ...lastRestart, invocationId: "", timeNs: lastFailure.timeNs - 1n },
    failuresSinceRestart: Math.max(failuresSinceRestart, 1),
  };
}

/** True if the failure of the newest run was counted. */
function isKnownEnd(
  facts: UnitFacts,
  { invocationId }: ServiceEvidence,
  { isNew, failures }: GapCounts,
): boolean {
  const failedId = facts.lastFailure?.invocationId ?? "";
  // A listing alone may have shown that it failed.
  if (failedId === "") return isNew ? failures > 0 : knownEnds(facts) > 0;
  return failedId === invocationId;
}

/**
 * True if the run from before the gap is the newest: no other has ended since. Up to v252 a restart that
 * was due when systemd executed itself again is counted twice.
 */
function isStillIn(
  { invocationId }: GapCounts,
  { activeState, invocationId: newestId }: ServiceEvidence,
): boolean {
  // At the start limit the run fails again.
  return invocationId !== "" && invocationId === newestId && activeState !== "failed";
}
