import type { UnitChange } from "../../domain/change.ts";
import { EventKind } from "../../domain/event.ts";
import type { JournalEntry, UnitSignal } from "../../domain/systemd.ts";
import type { UnitFacts } from "./systemd-changes.ts";
import { isAutoRestart, isRestartTold, isTold } from "./unit-logic.ts";
import type { UnitRecord } from "./unit-record.ts";

/** Result where systemd told none. */
const RESULT_UNKNOWN = "unknown";

/** Restarts that are told one by one: NRestarts is what a container says, which can say 2^32-1. */
const MAX_TOLD_AT_ONCE = 100;

/** Which failure it is, or restart, and who told of it. */
interface ChangeOrigin {
  readonly timeNs: bigint;
  readonly invocationId: string;
  readonly recovered: boolean;
}

/** Counts the failures and restarts of units, and tells of each, once, whoever told of it. */
export class FailureCounter {
  readonly #emit: (unit: UnitRecord, facts: UnitFacts) => void;

  constructor(emit: (unit: UnitRecord, facts: UnitFacts) => void) {
    this.#emit = emit;
  }

  /** A signal tells that the unit failed. */
  failed(unit: UnitRecord, signal: UnitSignal, previousState: UnitChange["previousState"]): void {
    if (isTold(unit, signal)) return;
    const { stateChangeNs: timeNs, invocationId, activeState } = signal;
    const { result, exitStatus } = unit;
    // Of a failure with a command around the main process, systemd tells no exit status.
    const isOther = result === "exit-code" && exitStatus === 0;
    this.#failed(
      unit,
      { timeNs, invocationId, recovered: false },
      {
        previousState,
        result,
        exitCode: isOther ? undefined : exitStatus,
        detail: `ActiveState=${activeState}`,
      },
    );
  }

  /** A failure that was missed when it happened. A signal may still come for it. */
  recoveredFailure(
    unit: UnitRecord,
    entry: Pick<JournalEntry, "result" | "invocationId" | "timeNs">,
  ): void {
    const { result, invocationId, timeNs } = entry;
    const origin = { timeNs, invocationId, recovered: true };
    this.#failed(unit, origin, { result, detail: "ActiveState=failed" });
    unit.journalFailure = unit.lastFailure;
    unit.journalFailureUntilNs = undefined;
  }

  /**
   * Takes note of what a Service signal said of NRestarts, with the Unit signal after it.
   *
   * @param underWatch whether the unit came into its state while the stream stood
   */
  restartsTold(unit: UnitRecord, signal: UnitSignal, underWatch: boolean): void {
    const { restartsTold: restarts } = unit;
    const isFirst = isFirstKnown(unit, signal, underWatch);
    unit.restartsTold = undefined;
    if (restarts === undefined || isRestartTold(unit, restarts, signal)) return;
    if (isResetWhileWaiting(unit, signal, underWatch)) unit.restartsSeen = 0;
    const before = isFirst ? restarts - 1 : (unit.restartsSeen ?? restarts);
    const more = restarts >= before ? restarts - before : restarts;
    unit.restartsSeen = restarts;
    if (more === 0) return;
    const { stateChangeNs, timeNs, invocationId } = signal;
    const origin = { timeNs, invocationId, recovered: false };
    const told = Math.min(more, MAX_TOLD_AT_ONCE);
    unit.countRestarts(more - told);
    for (let number = restarts - told + 1; number <= restarts; number += 1) {
      this.#restarted(unit, number, origin);
    }
    unit.lastRestart = { invocationId, timeNs: stateChangeNs, number: restarts };
  }

  /** A restart that was missed when it happened. A signal may still come for it. */
  recoveredRestart(unit: UnitRecord, entry: JournalEntry): void {
    const { restarts = (unit.restartsSeen ?? 0) + 1, invocationId, timeNs } = entry;
    unit.restartsSeen = restarts;
    this.#restarted(unit, restarts, { timeNs, invocationId, recovered: true });
    unit.lastRestart = { invocationId, timeNs, number: restarts };
    unit.journalRestart = unit.lastRestart;
  }

  /**
   * The unit was listed at `asOfNs`: of what the journal told of the time before the stream, no
   * signal will come any more, but for a state change that came late after its line.
   */
  settled(unit: UnitRecord, asOfNs: bigint, isUnderWatch: (timeNs: bigint) => boolean): void {
    const { journalFailure: failure, journalRestart: restart } = unit;
    const isOver = unit.activeState === "failed" || isAutoRestart(unit.subState);
    if (isOver && failure !== undefined && !isUnderWatch(failure.timeNs)) {
      unit.journalFailureUntilNs = asOfNs;
    }
    if (restart !== undefined && !isUnderWatch(restart.timeNs)) unit.journalRestart = undefined;
  }

  /** Signals come in order: what the journal told is of no more use once one is newer than it. */
  passed(unit: UnitRecord, stateChangeNs: bigint): void {
    if ((unit.journalFailure?.timeNs ?? stateChangeNs) < stateChangeNs) {
      unit.journalFailure = undefined;
    }
    if ((unit.journalRestart?.timeNs ?? stateChangeNs) < stateChangeNs) {
      unit.journalRestart = undefined;
    }
  }

  #failed(
    unit: UnitRecord,
    origin: ChangeOrigin,
    facts: Pick<UnitFacts, "previousState" | "result" | "exitCode" | "detail">,
  ): void {
    const { timeNs, invocationId, recovered } = origin;
    const { lastFailure: last } = unit;
    const number = last?.invocationId === invocationId ? last.number + 1 : 1;
    unit.countFailure(facts.result ?? RESULT_UNKNOWN);
    unit.lastFailure = { invocationId, timeNs, number };
    const run = runOf(invocationId, `failure ${number}`);
    this.#emit(unit, { ...facts, kind: EventKind.UnitFailed, timeNs, recovered, run });
  }

  #restarted(unit: UnitRecord, number: number, origin: ChangeOrigin): void {
    const { timeNs, invocationId, recovered } = origin;
    unit.countRestarts(1);
    this.#emit(unit, {
      kind: EventKind.UnitRestart,
      timeNs,
      previousState: unit.activeState,
      result: unit.result,
      exitCode: unit.exitStatus,
      restarts: number,
      detail: `NRestarts=${number}`,
      recovered,
      run: runOf(invocationId, `restart ${number}`),
    });
  }
}

/**
 * True where the number is one more than before, though the number before isn't known, or is the
 * same: since then it may have begun anew.
 *
 * @param underWatch whether the unit came into its state while the stream stood
 */
function isFirstKnown(unit: UnitRecord, signal: UnitSignal, underWatch: boolean): boolean {
  const { restartsTold, restartsSeen, lastRestart, stateChangeNs: waitsSinceNs } = unit;
  const isUnknown = restartsSeen === undefined || restartsSeen === restartsTold;
  if (!isUnknown || restartsTold === 0) return false;
  const isEntered = signal.stateChangeNs > waitsSinceNs;
  if (signal.subState === "auto-restart-queued") {
    // v257 comes into this state by the restart itself, which it has told of during the wait, and
    // tells of its next run while it is still in it.
    const isCounted = lastRestart !== undefined && lastRestart.timeNs >= waitsSinceNs;
    const waited = unit.isListed && unit.subState === "auto-restart";
    return isEntered && !isCounted && (underWatch || waited);
  }
  // It waited when it was listed, and the number is told before that wait is over. One that was
  // stopped meanwhile has the number it had, and so has one whose last restart the journal told.
  const isOther =
    lastRestart?.invocationId !== signal.invocationId &&
    (lastRestart?.timeNs ?? 0n) <= waitsSinceNs;
  const waits = isAutoRestart(unit.subState) && isAutoRestart(signal.subState);
  const isNew = unit.fromSnapshot || isEntered;
  // What was known before the gap says nothing of the wait that it is in now.
  return unit.isListed && isNew && waits && !underWatch && (restartsSeen === undefined || isOther);
}

/**
 * True where somebody reset the unit while it waited for its restart. That sets NRestarts back and
 * Result to success, and nothing else does both in the same wait.
 *
 * @param underWatch whether the unit came into its state while the stream stood
 */
function isResetWhileWaiting(unit: UnitRecord, signal: UnitSignal, underWatch: boolean): boolean {
  const waited = unit.subState === "auto-restart" && signal.subState === "auto-restart";
  if (!waited || unit.result !== "success") return false;
  if (unit.stateChangeNs === signal.stateChangeNs) return unit.resultCleared;
  // It was listed in a wait that began before the stream: the journal told of the failure.
  const isFailed =
    signal.invocationId !== "" && signal.invocationId === unit.lastFailure?.invocationId;
  return !underWatch && isFailed;
}

function runOf(invocationId: string, what: string): string {
  return invocationId === "" ? "" : `${invocationId} ${what}`;
}
