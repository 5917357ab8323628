import type { ServiceSignal, UnitSignal } from "../../domain/systemd.ts";
import type { ActiveState } from "../../domain/unit.ts";
import { isCovered, isSameRun, MAX_RUNS, newest, nextFailure } from "./fold-journal.ts";
import { isAutoRestart, isFailureResult, NO_OUTCOMES } from "./unit-facts.ts";
import type {
  CountedChange,
  FailureOutcome,
  Fold,
  SignalledUnit,
  UnitFacts,
  UnitOutcome,
} from "./unit-facts.ts";

/**
 * Longest time by which the journal's line is older than the state change that it reports. Measured:
 * 0.1 ms, and 290 ms on a busy machine.
 */
const ENTRY_AHEAD_NS = 2_000_000_000n;

/** Folds a Service signal into the facts. Its NRestarts waits for the Unit signal after it. */
export function foldService({ facts }: SignalledUnit, signal: ServiceSignal): SignalledUnit {
  const { result = facts.result, exitStatus = facts.exitStatus, restarts } = signal;
  const isSame = result === facts.result && exitStatus === facts.exitStatus;
  return {
    facts: isSame ? facts : { ...facts, result, exitStatus },
    pending: {
      restarts,
      resultCleared: signal.result === "success" && (facts.result ?? "success") !== "success",
    },
  };
}

/** Result of a Unit signal. */
export interface SignalFold extends Fold {
  /** True if the signal is the first to report this change of state. */
  readonly isChange: boolean;
}

/**
 * Folds a Unit signal into the facts. Usually systemd sends a signal several times, and it may send
 * signals of changes that the journal reported already: neither counts twice.
 *
 * @param attachedAtNs when the stream was opened, Unix nanoseconds: what happened before is no change
 */
export function foldSignal(
  unit: SignalledUnit,
  signal: UnitSignal,
  attachedAtNs: bigint,
): SignalFold {
  const { facts, pending } = unit;
  const { activeState, subState, stateChangeNs, activeEnterNs, invocationId } = signal;
  const { activeState: previousState } = facts;
  const underWatch = stateChangeNs >= attachedAtNs;
  const { restarts: number = 0 } = pending;
  const count = restartsIn(unit, signal, underWatch);
  const restart = count ? restartOf(facts, signal, number) : undefined;
  const lastRestart = restart ?? facts.lastRestart;

  const isEntry = isOtherState(facts, signal, attachedAtNs);
  const isFailed = activeState === "failed";
  const isPassing = failsInPassing(facts, signal, underWatch);
  const isChange =
    !isRepeat(facts, signal) &&
    (isEntry || isPassing || (isFailed && isFailedAgain(facts, signal, underWatch)));
  const isEnd = isChange && (isFailed || isPassing);
  const isFailure = isEnd && !isFailureInJournal(facts, signal, lastRestart);
  const failure = isFailure
    ? nextFailure(facts, { invocationId, timeNs: stateChangeNs })
    : undefined;

  // Written out, since a spread doubles the cost of a signal.
  const next: UnitFacts = {
    activeState,
    subState,
    isListed: facts.isListed,
    fromListing: facts.fromListing && !isChange,
    signalNs: signal.timeNs,
    signalState: activeState,
    stateChangeNs,
    activeEnterNs,
    recoveredStartNs: facts.recoveredStartNs,
    invocationId,
    isStarting: isStarting(facts, signal),
    result: facts.result,
    exitStatus: facts.exitStatus,
    policy: facts.policy,
    restartDelayNs: facts.restartDelayNs,
    failureResult: failure === undefined ? facts.failureResult : facts.result,
    failuresSinceRestart: failuresSince(facts, signal, { count, isEnd, isFailure }),
    restartsSeen: count === undefined ? facts.restartsSeen : number,
    lastFailure: newest(failure, facts.lastFailure),
    lastRestart,
    journalFailure: unlessOlder(facts.journalFailure, stateChangeNs),
    journalRestart: unlessOlder(facts.journalRestart, stateChangeNs),
    settledNs: facts.settledNs,
  };
  if (!isChange && restart === undefined) return { facts: next, outcomes: NO_OUTCOMES, isChange };

  const outcomes: UnitOutcome[] = [];
  if (count && restart !== undefined) {
    outcomes.push({
      kind: "restart",
      timeNs: signal.timeNs,
      // The signal reports the state after the restart.
      activeState: previousState,
      subState: facts.subState,
      previousState,
      recovered: false,
      count,
      counted: restart,
      result: facts.result,
      exitCode: facts.exitStatus,
    });
  }
  if (failure !== undefined) outcomes.push(failureOutcome(facts, signal, failure));
  // A start that was recovered has been emitted, though signals of the time before came later.
  const isEmitted =
    activeState === "active" && activeEnterNs > 0n && activeEnterNs === facts.recoveredStartNs;
  if (isChange && isEntry && !isFailed && !isEmitted) {
    outcomes.push({
      kind: "transition",
      // A unit that was loaded again never changed.
      timeNs: stateChangeNs || signal.timeNs,
      activeState,
      subState,
      previousState,
      recovered: false,
    });
  }
  return { facts: next, outcomes, isChange };
}

/**
 * True if the signal names the next run, which hasn't begun: systemd sends what is new before each change
 * of state. Result is set back by then.
 */
function isStarting(facts: UnitFacts, signal: UnitSignal): boolean {
  if (facts.result !== "success" || !isInactive(signal.activeState)) return false;
  const { activeState, subState, stateChangeNs, activeEnterNs, invocationId } = facts;
  if (signal.invocationId === invocationId) {
    return facts.isStarting && signal.stateChangeNs === stateChangeNs;
  }
  const isOver = isInactive(activeState) || isAutoRestart(subState);
  // A run that a gap has hidden was active.
  const isNext = facts.isListed || signal.activeEnterNs === activeEnterNs;
  return signal.invocationId !== "" && isOver && isNext;
}

function isInactive(activeState: ActiveState | undefined): boolean {
  return activeState === "inactive" || activeState === "failed";
}

/** Returns the restart that a signal shows. Of one that came before the signal's run, the run isn't known. */
function restartOf(
  { lastFailure, journalRestart, invocationId: knownId }: UnitFacts,
  { activeState, subState, stateChangeNs, invocationId }: UnitSignal,
  number: number,
): CountedChange {
  // Between its wait and its start it is inactive.
  const isBetween = activeState === "inactive" && invocationId === knownId;
  if (isAutoRestart(subState) || isBetween) {
    const isAgain = journalRestart?.invocationId === invocationId;
    const timeNs =
      isAgain && journalRestart.timeNs > stateChangeNs ? journalRestart.timeNs : stateChangeNs;
    return { invocationId, timeNs, number };
  }
  // The journal may have reported the end of this run.
  const isEnded = lastFailure?.invocationId === invocationId && lastFailure.timeNs <= stateChangeNs;
  return { invocationId: "", timeNs: (isEnded ? lastFailure.timeNs : stateChangeNs) - 1n, number };
}

/** Returns the failures that were counted since the newest restart, up to this signal. */
function failuresSince(
  { failuresSinceRestart, journalFailure, lastRestart, invocationId }: UnitFacts,
  { stateChangeNs, invocationId: newestId }: UnitSignal,
  seen: {
    readonly count: number | undefined;
    readonly isEnd: boolean;
    readonly isFailure: boolean;
  },
): number {
  const { count = 0, isEnd, isFailure } = seen;
  // The journal may have reported more than this signal and those before it.
  if ((journalFailure?.timeNs ?? -1n) > stateChangeNs) {
    const isPast = (lastRestart?.timeNs ?? -1n) > stateChangeNs;
    return Math.max(failuresSinceRestart - count, 0) + (isFailure && !isPast ? 1 : 0);
  }
  const before = count > 0 || invocationId !== newestId ? 0 : failuresSinceRestart;
  return isFailure ? before + 1 : isEnd ? Math.max(before, 1) : before;
}

function failureOutcome(
  facts: UnitFacts,
  signal: UnitSignal,
  counted: CountedChange,
): FailureOutcome {
  const { result } = facts;
  return {
    kind: "failure",
    timeNs: counted.timeNs,
    activeState: signal.activeState,
    subState: signal.subState,
    previousState: facts.activeState,
    recovered: false,
    counted,
    result,
    exitCode: exitCodeOf(facts),
  };
}

/** systemd reports no exit status if a command before or after the main process failed. */
export function exitCodeOf({
  result,
  exitStatus,
}: Pick<UnitFacts, "result" | "exitStatus">): number | undefined {
  return result === "exit-code" && exitStatus === 0 ? undefined : exitStatus;
}

/**
 * True if the newest signal reported this very state change. A listing in between that differs is
 * newer than both, and its signals are still to come: busctl's signals and listings arrive on two
 * streams.
 */
function isRepeat(facts: UnitFacts, { stateChangeNs, activeState }: UnitSignal): boolean {
  const isSameChange = stateChangeNs > 0n && stateChangeNs === facts.stateChangeNs;
  return isSameChange && activeState === facts.signalState;
}

/**
 * True if the signal has another ActiveState than the known one. If that is unknown, or known from a
 * listing only, the signal's own time shows whether it happened while the stream was open.
 */
function isOtherState(facts: UnitFacts, signal: UnitSignal, attachedAtNs: bigint): boolean {
  const { activeState, activeEnterNs, stateChangeNs } = signal;
  if (facts.activeState !== undefined && facts.activeState !== activeState) return true;
  if (facts.activeState !== undefined && !facts.fromListing) return false;
  // Another sub state, such as a socket's on each connection, is a state change to systemd too.
  const isEnterKnown = activeState === "active" && activeEnterNs > 0n;
  if (isEnterKnown && activeEnterNs === facts.recoveredStartNs) return false;
  return (isEnterKnown ? activeEnterNs : stateChangeNs) >= attachedAtNs;
}

/** True if the unit entered "failed" again without another ActiveState in between. */
function isFailedAgain(facts: UnitFacts, signal: UnitSignal, underWatch: boolean): boolean {
  return facts.stateChangeNs > 0n && signal.stateChangeNs > facts.stateChangeNs && underWatch;
}

/** True if a service begins to wait for its restart without having been failed: RestartMode=direct. */
export function failsInPassing(facts: UnitFacts, signal: UnitSignal, underWatch: boolean): boolean {
  if (!isFailureResult(facts.result)) return false;
  if (facts.activeState === "failed" && facts.invocationId === signal.invocationId) return false;
  const { subState: before, stateChangeNs: changedNs } = facts;
  if (signal.subState === "auto-restart") {
    const isKnown = before !== "" && !isAutoRestart(before);
    return isKnown || (signal.stateChangeNs > changedNs && underWatch);
  }
  // v257's second step: if the first one was missed, the journal may have reported it.
  const isUncounted = changedNs > 0n && (facts.lastFailure?.timeNs ?? 0n) < changedNs;
  return isAutoRestart(signal.subState) && !isAutoRestart(before) && isUncounted;
}

/** True if the journal reported the failure that this signal reports. */
export function isFailureInJournal(
  facts: UnitFacts,
  signal: UnitSignal,
  lastRestart: CountedChange | undefined,
): boolean {
  const { journalFailure: last } = facts;
  if (last === undefined) return false;
  if (last.untilNs !== undefined && signal.stateChangeNs > last.untilNs) return false;
  const { stateChangeNs, invocationId } = signal;
  const aheadNs = stateChangeNs - last.timeNs;
  // A start that is under way has set Result back and named the next run already.
  const isStarting = facts.result === "success";
  if (aheadNs <= 0n) {
    // Up to the last restart all was counted. After it, the journal can have lost lines.
    if (stateChangeNs <= (facts.journalRestart?.timeNs ?? 0n)) return true;
    const isKnown = last.runs.length < MAX_RUNS && invocationId !== "" && !last.runs.includes("");
    return !isKnown || isStarting || last.runs.includes(invocationId);
  }
  // The same run fails again if its restart hits the start limit.
  const restartNs = lastRestart?.timeNs ?? 0n;
  if (last.timeNs <= restartNs && restartNs < stateChangeNs) return false;
  return aheadNs < ENTRY_AHEAD_NS && (isStarting || isSameRun(last, invocationId));
}

/**
 * Returns how many restarts the Service signal before this Unit signal shows, by NRestarts;
 * undefined if it has no number, or the journal reported the restart that made it this number.
 *
 * @param underWatch true if the unit entered its state while the stream was open
 */
export function restartsIn(
  unit: SignalledUnit,
  signal: UnitSignal,
  underWatch: boolean,
): number | undefined {
  const { facts } = unit;
  const { restarts } = unit.pending;
  if (restarts === undefined) return undefined;
  const { journalRestart: last, restartsSeen } = facts;
  if (last !== undefined) {
    if (isCovered(last, restarts, signal.invocationId)) return undefined;
    // The number of the wait that the journal reported can rise again.
    const { subState, invocationId } = signal;
    const isOfRun = invocationId !== "" && last.invocationId === invocationId;
    const isAgain = isOfRun && isAutoRestart(subState);
    if (signal.stateChangeNs <= last.timeNs && !isAgain) return undefined;
  }
  if (isFirstKnown(facts, signal, { restarts, underWatch })) return 1;
  const before = isResetWhileWaiting(unit, signal, underWatch) ? 0 : (restartsSeen ?? restarts);
  // systemd sets it back to 0.
  return restarts >= before ? restarts - before : restarts;
}

/**
 * True if NRestarts is one more than before, though the number before is unknown, or is the same:
 * since then it may have begun again from 0.
 */
function isFirstKnown(
  facts: UnitFacts,
  signal: UnitSignal,
  service: { readonly restarts: number; readonly underWatch: boolean },
): boolean {
  const { restarts, underWatch } = service;
  const { restartsSeen, lastRestart, isListed, stateChangeNs: waitsSinceNs } = facts;
  const isUnknown = restartsSeen === undefined || restartsSeen === restarts;
  if (!isUnknown || restarts === 0) return false;
  const isEntered = signal.stateChangeNs > waitsSinceNs;
  if (signal.subState === "auto-restart-queued") {
    // v257 enters this state by the restart itself, which it has reported during the wait, and
    // reports its next run while it is still in it.
    const isCounted = lastRestart !== undefined && lastRestart.timeNs >= waitsSinceNs;
    const waited = isListed && facts.subState === "auto-restart";
    return isEntered && !isCounted && (underWatch || waited);
  }
  // It waited when it was listed, and the number is reported before that wait is over. One that was
  // stopped meanwhile has the number it had, and so has one whose last restart the journal reported.
  const isOther =
    lastRestart?.invocationId !== signal.invocationId &&
    (lastRestart?.timeNs ?? 0n) <= waitsSinceNs;
  const waits = isAutoRestart(facts.subState) && isAutoRestart(signal.subState);
  const isNew = facts.fromListing || isEntered;
  // Facts from before the gap don't describe the current wait.
  return isListed && isNew && waits && !underWatch && (restartsSeen === undefined || isOther);
}

/**
 * True if the user reset the unit while it waited for its restart. That sets NRestarts back and
 * Result to success, and nothing else does both in the same wait.
 */
function isResetWhileWaiting(
  { facts, pending }: SignalledUnit,
  signal: UnitSignal,
  underWatch: boolean,
): boolean {
  const waited = facts.subState === "auto-restart" && signal.subState === "auto-restart";
  if (!waited || facts.result !== "success") return false;
  if (facts.stateChangeNs === signal.stateChangeNs) return pending.resultCleared;
  // It was listed in a wait that began before the stream: the journal reported the failure.
  const isFailed =
    signal.invocationId !== "" && signal.invocationId === facts.lastFailure?.invocationId;
  return !underWatch && isFailed;
}

/** Drops what the journal reported if it is older than the signal: later signals are newer still. */
function unlessOlder<C extends CountedChange>(
  counted: C | undefined,
  stateChangeNs: bigint,
): C | undefined {
  return counted !== undefined && counted.timeNs < stateChangeNs ? undefined : counted;
}
