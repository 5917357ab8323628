import type { ServiceEvidence } from "../../domain/systemd.ts";
import { type EvidenceFold, foldMissed, hasFailed, isNewFailure } from "./fold-evidence.ts";
import { isRestarting } from "./fold-evidence.ts";
import type { GapCounts } from "./gap-counts.ts";
import { hasEnded, restartsAfterFailuresAlone, restartsShowFailures } from "./restart-order.ts";
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
  const isOver = hasFailed(evidence) && !isRestartCancelled(counts, evidence);
  const facts = isOver ? inOrder(reported, evidence) : reported;
  const { restarts: number = 0, result, invocationId } = evidence;
  const isNumbered =
    counts.restartsSeen !== undefined &&
    number >= Math.max(counts.restartsSeen, facts.restartsSeen ?? 0);
  const all = isNumbered ? number - (counts.restartsSeen ?? 0) : 0;
  const restarts = isNumbered ? all - counts.restarts : 0;
  const isEndKnown = isKnownEnd(facts, evidence, counts);
  // The user can have stopped it in its wait since.
  const isCancelled = evidence.activeState === "inactive" && invocationId !== "";
  const isOfGap = counts.isRunning || evidence.mainStartNs >= sinceNs;
  const isFailedNow =
    isOver &&
    (isNewFailure(facts, evidence, sinceNs) ||
      ((isCancelled || counts.isNew) && isOfGap && !isEndKnown));
  // With more restarts than NRestarts shows, that began again from 0.
  const ends =
    isNumbered && restarts >= 0 && !isStillIn(counts, evidence)
      ? all - counts.repeated + (isOver ? 1 : 0) - counts.ends - counts.failures
      : 0;
  const older = Math.max(ends - (isFailedNow ? 1 : 0), 0);
  const isLastFailed =
    older > 0 && isRestarting(evidence) && !isEndKnown && isFailureResult(result);
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
    return { facts, outcomes: NO_OUTCOMES, unknownEnds: 0 };
  }
  return foldMissed(facts, evidence, { missed, room });
}

/** True if the user stopped the service after its restart was scheduled, and before it was done. */
function isRestartCancelled(
  { restartedRun }: GapCounts,
  { activeState, invocationId }: ServiceEvidence,
): boolean {
  return activeState === "inactive" && invocationId !== "" && restartedRun === invocationId;
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
  if (failedId === "") return isNew ? failures > 0 : hasEnded(facts);
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
