import type { ServiceEvidence } from "../../domain/systemd.ts";
import { MAX_LOST, newest, nextFailure, STEP_NS } from "./fold-journal.ts";
import { hasEnded, isMissedStart, knownEnds, restartsShowFailures } from "./restart-order.ts";
import { exitCodeOf } from "./fold-signal.ts";
import { isAutoRestart, isFailureResult, NO_OUTCOMES } from "./unit-facts.ts";
import type { Fold, UnitFacts, UnitOutcome } from "./unit-facts.ts";

export interface EvidenceFold extends Fold {
  /** Runs that ended in the gap, and may have failed. */
  readonly unknownEnds: number;
}

/** Changes of one service that a gap has hidden. */
export interface Missed {
  /** Failures before the newest restart. */
  readonly failures: number;
  /** True if Result has that of the last of them. */
  readonly isLastFailed: boolean;
  /** Failures of this gap that were counted before them; default 0. */
  readonly counted?: number;
  /** InvocationID of the first of them, if it is known. */
  readonly firstRun?: string;
  readonly restarts: number;
  /** True if the run after the newest restart failed too. */
  readonly isFailedNow: boolean;
  /** Runs that ended in the gap, and may have failed. */
  readonly unknownEnds: number;
}

/**
 * Compares a service that the journal is silent about with what is known of it, and counts what the
 * stream missed.
 *
 * Failures and restarts of a service alternate, and NRestarts numbers the restarts. So the position in
 * this order, before and after the gap, shows how many of each there were. A restart that Restart= has
 * after failures alone shows a failure; another one shows one if the run before it failed too.
 *
 * @param gap `sinceNs` is when the stream before the gap was opened, in Unix nanoseconds; `room` is how
 * many missed failures are counted at most
 */
export function foldEvidence(
  facts: UnitFacts,
  evidence: ServiceEvidence,
  gap: { readonly sinceNs: bigint; readonly room: number },
): EvidenceFold {
  return foldMissed(facts, evidence, { missed: missedIn(facts, evidence, gap), room: gap.room });
}

function missedIn(
  facts: UnitFacts,
  evidence: ServiceEvidence,
  { sinceNs }: { readonly sinceNs: bigint },
): Missed {
  const { restarts: number = facts.restartsSeen, result } = evidence;
  const before = restartsBefore(facts, evidence, sinceNs) ?? number;
  const isReset = number !== undefined && before !== undefined && number < before;
  const restarts = (number ?? 0) - (isReset ? 0 : (before ?? 0));
  const known = isReset ? 0 : knownEnds(facts);

  // Runs that ended before the newest restart. Result has the last one's, until the next run starts.
  const isSameRun = isSameRunAs(facts, evidence);
  const ends = restarts + (hasFailed(evidence) ? 1 : 0) - known;
  const isFailedNow =
    hasFailed(evidence) &&
    (restarts > 0 && !isSameRun ? ends > 0 : isNewFailure(facts, evidence, sinceNs));
  const ended = restarts > 0 && !isSameRun ? Math.max(ends - (isFailedNow ? 1 : 0), 0) : 0;
  const isLastKnown =
    isRestarting(evidence) &&
    ended > 0 &&
    (isAutoRestart(evidence.subState) || isFailureResult(result));
  const isLastFailed = isLastKnown && isFailureResult(result);
  const others = ended - (isLastKnown ? 1 : 0);
  const areFailures = restartsShowFailures({ ...facts, policy: evidence.policy ?? facts.policy });
  const failures = (isLastFailed ? 1 : 0) + (areFailures === true ? others : 0);
  return {
    failures,
    isLastFailed,
    // The first to end is the run that is known.
    firstRun: failures === ended && known === 0 && !isReset ? openRunOf(facts) : "",
    restarts,
    isFailedNow,
    unknownEnds:
      (areFailures === undefined ? others : 0) +
      (endedByHand(facts, evidence, { isReset, restarts }) ? 1 : 0),
  };
}

/** Counts what a gap has hidden; the service is from then on as the evidence shows it. */
export function foldMissed(
  facts: UnitFacts,
  evidence: ServiceEvidence,
  { missed, room }: { readonly missed: Missed; readonly room: number },
): EvidenceFold {
  const { restarts: number = facts.restartsSeen, result, stateChangeNs, invocationId } = evidence;
  const { isLastFailed, isFailedNow, restarts, firstRun = "", counted: earlier = 0 } = missed;
  const failures = Math.min(missed.failures, MAX_LOST, room);
  const outcomes: UnitOutcome[] = [];
  const waits = isRestarting(evidence);
  // Without a main process, such as where ExecStartPre= fails, the start of the run is unknown.
  const startedNs = evidence.mainStartNs || stateChangeNs - (isFailedNow ? STEP_NS : 0n);
  const restartedNs = waits ? stateChangeNs : startedNs;
  const happened = {
    activeState: facts.activeState,
    subState: facts.subState,
    previousState: undefined,
    recovered: true,
  };
  let { lastFailure } = facts;
  for (let run = failures; run > 0; run -= 1) {
    const timeNs = restartedNs - BigInt(run + earlier) * STEP_NS;
    const isFirst = run === missed.failures;
    const counted = nextFailure({ lastFailure }, { invocationId: isFirst ? firstRun : "", timeNs });
    const likely =
      (run === 1 && isLastFailed ? result : undefined) ?? facts.failureResult ?? failureOf(result);
    lastFailure = counted;
    const failure = { ...happened, timeNs, counted, result: likely, exitCode: undefined };
    outcomes.push({ kind: "failure", ...failure });
  }
  let next: UnitFacts = {
    ...facts,
    lastFailure: newest(lastFailure, facts.lastFailure),
    failureResult: isLastFailed ? result : (facts.failureResult ?? failureOf(result)),
  };
  if (restarts > 0 && number !== undefined) {
    const counted = { invocationId: waits ? invocationId : "", timeNs: restartedNs, number };
    // The journal or a signal may have reported the end of the run after it.
    const isKnown = facts.lastFailure?.invocationId === invocationId && hasFailed(evidence);
    next = { ...next, lastRestart: counted, failuresSinceRestart: isKnown && !isFailedNow ? 1 : 0 };
    const restart = { ...happened, timeNs: restartedNs, counted, count: restarts };
    outcomes.push({ kind: "restart", ...restart, result: next.failureResult, exitCode: undefined });
  }
  if (isFailedNow) {
    // At the start limit the run fails again, whatever was missed before.
    const { lastFailure: last } = facts.lastFailure?.invocationId === invocationId ? facts : next;
    const counted = nextFailure({ lastFailure: last }, { invocationId, timeNs: stateChangeNs });
    const failuresSinceRestart = next.failuresSinceRestart + 1;
    next = { ...next, lastFailure: counted, failureResult: result, failuresSinceRestart };
    const failure = { ...happened, timeNs: stateChangeNs, counted, result };
    outcomes.push({ kind: "failure", ...failure, exitCode: exitCodeOf(evidence) });
  }
  const started = startedIn(next, evidence);
  if (started !== undefined) outcomes.push(started);
  return {
    facts: {
      ...next,
      activeState: evidence.activeState,
      subState: evidence.subState,
      fromListing: false,
      signalNs: evidence.timeNs,
      signalState: evidence.activeState,
      stateChangeNs,
      activeEnterNs: evidence.activeEnterNs,
      recoveredStartNs: started === undefined ? facts.recoveredStartNs : started.timeNs,
      invocationId,
      isStarting: false,
      result,
      exitStatus: evidence.exitStatus,
      policy: evidence.policy ?? facts.policy,
      restartDelayNs: evidence.restartDelayNs,
      restartsSeen: number,
      journalFailure: undefined,
      journalRestart: undefined,
      settledNs: stateChangeNs,
    },
    outcomes: outcomes.length === 0 ? NO_OUTCOMES : outcomes,
    unknownEnds: missed.unknownEnds + missed.failures - failures,
  };
}

/** True if the service entered another state since it was seen last. */
function hasChanged(facts: UnitFacts, evidence: ServiceEvidence, sinceNs: bigint): boolean {
  const { stateChangeNs } = evidence;
  // A listing alone showed it: it may have changed before it was watched.
  return facts.stateChangeNs > 0n ? stateChangeNs > facts.stateChangeNs : stateChangeNs >= sinceNs;
}

/** Returns NRestarts when the gap began; undefined if it is unknown. A start by hand sets it to 0. */
function restartsBefore(
  facts: UnitFacts,
  evidence: ServiceEvidence,
  sinceNs: bigint,
): number | undefined {
  const { activeState, invocationId, isStarting, lastRestart, restartsSeen, stateChangeNs } = facts;
  // Between a restart and its start it is inactive, and the next run has no id yet.
  const isRestarting = invocationId !== "" && lastRestart?.invocationId === invocationId;
  const inactiveNs = stateChangeNs > sinceNs ? stateChangeNs : sinceNs;
  const isRestarted = lastRestart !== undefined && lastRestart.timeNs > inactiveNs;
  const isStopped = activeState === "inactive" && !isStarting && !isRestarting && !isRestarted;
  const isOther = evidence.invocationId !== invocationId;
  return isStopped && isOther && hasChanged(facts, evidence, sinceNs) ? 0 : restartsSeen;
}

/** True if the restart that NRestarts has counted last is still to be done. */
export function isRestarting({ activeState, subState, hasJob }: ServiceEvidence): boolean {
  if (subState === "auto-restart-queued") return true;
  return hasJob && (subState === "auto-restart" || activeState === "inactive");
}

/** Returns the InvocationID of the run that hasn't ended; "" if the journal reported what followed. */
function openRunOf({ invocationId, stateChangeNs, lastFailure, lastRestart }: UnitFacts): string {
  const isOver = [lastFailure, lastRestart].some((last) => last?.invocationId === invocationId);
  const isOlder = (lastRestart?.timeNs ?? -1n) > stateChangeNs;
  return isOver || isOlder ? "" : invocationId;
}

/**
 * True if no other run has begun. NRestarts can have risen nevertheless: up to v252 a restart that was
 * due when systemd executed itself again is counted twice. At the start limit no run begins either.
 */
function isSameRunAs({ invocationId }: UnitFacts, evidence: ServiceEvidence): boolean {
  return (
    isAutoRestart(evidence.subState) &&
    !isRestarting(evidence) &&
    invocationId !== "" &&
    invocationId === evidence.invocationId
  );
}

/** True if the run after the newest restart has failed. */
export function hasFailed(evidence: ServiceEvidence): boolean {
  const { activeState, subState, result } = evidence;
  const isOver = activeState === "failed" || activeState === "inactive" || isAutoRestart(subState);
  return isOver && !isRestarting(evidence) && isFailureResult(result);
}

/** True if the failure that the evidence shows isn't known. */
export function isNewFailure(
  facts: UnitFacts,
  evidence: ServiceEvidence,
  sinceNs: bigint,
): boolean {
  if (!hasChanged(facts, evidence, sinceNs)) return false;
  const { lastFailure, lastRestart } = facts;
  const { invocationId } = evidence;
  const failedId = lastFailure?.invocationId ?? "";
  if (failedId === "" || invocationId === "") return knownEnds(facts) === 0;
  if (failedId !== invocationId) return true;
  // The same run fails again if its restart hits the start limit.
  const isRestarted = (lastRestart?.timeNs ?? -1n) >= (lastFailure?.timeNs ?? 0n);
  return isRestarted && !isAutoRestart(evidence.subState);
}

/** True if the run was another one before, no restart shows why it ended, nor does a journal. */
function endedByHand(
  facts: UnitFacts,
  evidence: ServiceEvidence,
  { isReset, restarts }: { readonly isReset: boolean; readonly restarts: number },
): boolean {
  if (facts.activeState !== "active" && facts.activeState !== "reloading") return false;
  if (hasEnded(facts)) return false;
  if (isReset) return true;
  const isOther = facts.invocationId !== "" && facts.invocationId !== evidence.invocationId;
  return isOther && restarts === 0;
}

/** Returns the start that the gap hid, if the service is active since another time than before. */
function startedIn(
  facts: UnitFacts,
  { activeState, subState, activeEnterNs }: ServiceEvidence,
): (UnitOutcome & { readonly kind: "transition" }) | undefined {
  if (activeState !== "active" || !isMissedStart(facts, activeEnterNs)) return undefined;
  const times = { timeNs: activeEnterNs, previousState: undefined, recovered: true };
  return { kind: "transition", ...times, activeState, subState };
}

function failureOf(result: string | undefined): string | undefined {
  return isFailureResult(result) ? result : undefined;
}
