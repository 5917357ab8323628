import type { ActiveState } from "../../domain/unit.ts";

/** A failure or restart that was counted. */
export interface CountedChange {
  /** InvocationID of the run that failed; "" if unknown. */
  readonly invocationId: string;
  /** Time of the journal's line, or of the state change that a signal reports: Unix nanoseconds. */
  readonly timeNs: bigint;
  /** Of a failure, its number within its run, from 1: a start limit that is hit is the second. Of a restart, NRestarts. */
  readonly number: number;
}

/** A failure that the journal reported. */
export interface JournalFailure extends CountedChange {
  /** Newest state change that this failure explains, Unix nanoseconds; undefined: any. */
  readonly untilNs: bigint | undefined;
  /** Its run, and those whose failures it reported since the last restart before. */
  readonly runs: readonly string[];
}

/** The facts of one unit. A fold replaces them as a whole. Times are Unix nanoseconds. */
export interface UnitFacts {
  /** undefined while it isn't loaded, or nothing is known yet. */
  readonly activeState: ActiveState | undefined;
  readonly subState: string;
  /** True if it was listed on the stream that is open. */
  readonly isListed: boolean;
  /** True if a listing gave the state, and no signal since. */
  readonly fromListing: boolean;
  /** Time of the newest signal on the stream that is open; 0n before the first. */
  readonly signalNs: bigint;
  /** State and StateChangeTimestamp of the newest signal; a listing since may be newer. */
  readonly signalState: ActiveState | undefined;
  readonly stateChangeNs: bigint;
  /** ActiveEnterTimestamp; 0n if unknown. */
  readonly activeEnterNs: bigint;
  /** Time of the start that was recovered: its signal may still come. */
  readonly recoveredStartNs: bigint;
  readonly invocationId: string;
  /** True if this run was named, and the state is still the one before it. */
  readonly isStarting: boolean;
  /** Result of a service, as systemd names it; undefined until a signal has it. */
  readonly result: string | undefined;
  readonly exitStatus: number | undefined;
  /** Restart=; undefined while it is unknown. */
  readonly policy: string | undefined;
  /** RestartUSec=, the least time from the end of a run to its restart; 0n while it is unknown. */
  readonly restartDelayNs: bigint;
  /** Result of the newest failure that was counted. */
  readonly failureResult: string | undefined;
  /** Failures of the same series of runs that were counted since the newest restart that was. */
  readonly failuresSinceRestart: number;
  /** Newest NRestarts: a hint, since systemd sets it back to 0 at will. */
  readonly restartsSeen: number | undefined;
  /** Newest that were counted. */
  readonly lastFailure: CountedChange | undefined;
  readonly lastRestart: CountedChange | undefined;
  /** Newest that the journal reported, until a signal reports something newer. */
  readonly journalFailure: JournalFailure | undefined;
  readonly journalRestart: CountedChange | undefined;
  /** Time up to which evidence has shown what was missed: older entries of the journal add nothing. */
  readonly settledNs: bigint;
}

/**
 * Scratch: what a Service signal says for the Unit signal right after it, and for nothing else.
 * Replaced by the next Service signal, cleared by the Unit signal.
 */
export interface PendingService {
  /** NRestarts. */
  readonly restarts: number | undefined;
  /** True if it set Result back to success. */
  readonly resultCleared: boolean;
}

/** A unit as the folds of signals read it. */
export interface SignalledUnit {
  readonly facts: UnitFacts;
  readonly pending: PendingService;
}

interface OutcomeFacts {
  /** When it happened: Unix nanoseconds by systemd's clock. */
  readonly timeNs: bigint;
  /** State that the change shows, and ActiveState before it; undefined if unknown. */
  readonly activeState: ActiveState | undefined;
  readonly subState: string;
  readonly previousState: ActiveState | undefined;
  /** True if it was missed when it happened. */
  readonly recovered: boolean;
}

/** One failure. */
export interface FailureOutcome extends OutcomeFacts {
  readonly kind: "failure";
  readonly counted: CountedChange;
  readonly result: string | undefined;
  readonly exitCode: number | undefined;
}

/** One or more restarts by Restart=; `counted` is the newest. */
export interface RestartOutcome extends OutcomeFacts {
  readonly kind: "restart";
  readonly count: number;
  readonly counted: CountedChange;
  readonly result: string | undefined;
  readonly exitCode: number | undefined;
}

/** The unit entered another ActiveState than "failed". */
export interface TransitionOutcome extends OutcomeFacts {
  readonly kind: "transition";
  readonly activeState: ActiveState;
}

/** systemd removed the unit. */
export interface RemovalOutcome extends OutcomeFacts {
  readonly kind: "removal";
}

/** A change of a unit that one input shows. */
export type UnitOutcome = FailureOutcome | RestartOutcome | TransitionOutcome | RemovalOutcome;

/** Result of a fold: the facts from now on, and what has happened, in order. */
export interface Fold {
  /** The very object that was passed in if nothing changed. */
  readonly facts: UnitFacts;
  readonly outcomes: readonly UnitOutcome[];
}

export const NO_OUTCOMES: readonly UnitOutcome[] = [];

export const NO_PENDING: PendingService = { restarts: undefined, resultCleared: false };

/** The facts of a unit of which nothing is known. */
export const NO_FACTS: UnitFacts = {
  activeState: undefined,
  subState: "",
  isListed: false,
  fromListing: false,
  signalNs: 0n,
  signalState: undefined,
  stateChangeNs: 0n,
  activeEnterNs: 0n,
  recoveredStartNs: 0n,
  invocationId: "",
  isStarting: false,
  result: undefined,
  exitStatus: undefined,
  policy: undefined,
  restartDelayNs: 0n,
  failureResult: undefined,
  failuresSinceRestart: 0,
  restartsSeen: undefined,
  lastFailure: undefined,
  lastRestart: undefined,
  journalFailure: undefined,
  journalRestart: undefined,
  settledNs: 0n,
};

/** True for the sub states in which a service waits for its restart. */
export function isAutoRestart(subState: string): boolean {
  return subState === "auto-restart" || subState === "auto-restart-queued";
}

/**
 * True if a service with this Result failed. One that ExecCondition= skipped didn't: up to v250
 * Restart=always starts it again and again.
 */
export function isFailureResult(result: string | undefined): boolean {
  return result !== undefined && result !== "success" && result !== "exec-condition";
}

/** Returns the facts of a unit that is no longer loaded. */
export function unloaded(facts: UnitFacts): UnitFacts {
  const { lastFailure, lastRestart } = facts;
  const endNs = lastFailure?.timeNs ?? -1n;
  // An end before it is loaded again explains no restart after that.
  const isEnded = endNs > (lastRestart?.timeNs ?? -1n);
  return {
    ...facts,
    lastRestart: isEnded ? { invocationId: "", timeNs: endNs, number: 0 } : lastRestart,
    activeState: undefined,
    subState: "",
    isListed: false,
    fromListing: false,
    activeEnterNs: 0n,
    isStarting: false,
    restartsSeen: undefined,
    result: undefined,
    exitStatus: undefined,
    policy: undefined,
    restartDelayNs: 0n,
    failuresSinceRestart: 0,
  };
}

/** Returns the facts on a new stream: not listed on it yet, and no signal of it is newer than its listing. */
export function unlisted(facts: UnitFacts): UnitFacts {
  return { ...facts, isListed: false, signalNs: 0n };
}

/** Returns the facts after the clock was set back: no time is later than `knownNs` by the clock as it is now. */
export function setBack(facts: UnitFacts, knownNs: bigint): UnitFacts {
  const earlier = (timeNs: bigint): bigint => (timeNs > knownNs ? knownNs : timeNs);
  const change = <C extends CountedChange>(counted: C | undefined): C | undefined =>
    counted && { ...counted, timeNs: earlier(counted.timeNs) };
  return {
    ...facts,
    lastFailure: change(facts.lastFailure),
    lastRestart: change(facts.lastRestart),
    journalFailure: change(facts.journalFailure),
    journalRestart: change(facts.journalRestart),
    signalNs: earlier(facts.signalNs),
    stateChangeNs: earlier(facts.stateChangeNs),
    settledNs: earlier(facts.settledNs),
  };
}
