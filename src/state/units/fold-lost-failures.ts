import type { UnitSignal } from "../../domain/systemd.ts";
import { nextFailure, STEP_NS } from "./fold-journal.ts";
import { failsInPassing, isFailureInJournal, restartsIn } from "./fold-signal.ts";
import { knownEnds, restartsShowFailures } from "./restart-order.ts";
import { isAutoRestart, isFailureResult } from "./unit-facts.ts";
import type { Fold, SignalledUnit, UnitFacts, UnitOutcome } from "./unit-facts.ts";

/**
 * Counts the failures that the first signal after a gap shows by NRestarts, and that the journal lost:
 * systemd drops the lines that journald doesn't take. Folded in before the signal, which counts the
 * restarts themselves, and the failure that it reports.
 *
 * @param stream `attachedAtNs` is when it was opened, in Unix nanoseconds; `room` is how many missed
 * failures are counted at most
 */
export function foldLostFailures(
  unit: SignalledUnit,
  signal: UnitSignal,
  stream: { readonly attachedAtNs: bigint; readonly room: number },
): Fold | undefined {
  const { facts } = unit;
  const { attachedAtNs, room } = stream;
  // Of what is under watch nothing is lost, and of an unknown unit nothing is missed.
  if (facts.signalNs >= attachedAtNs) return undefined;
  if (facts.activeState === undefined || facts.restartsSeen === undefined) return undefined;
  const underWatch = signal.stateChangeNs >= attachedAtNs;
  const restarts = restartsIn(unit, signal, underWatch) ?? 0;
  if (restarts === 0) return undefined;
  // A listing may show the run after the one whose end was counted.
  let lost = restarts - Math.max(knownEnds(facts), facts.failuresSinceRestart);
  const isEnd = signal.activeState === "failed" || signal.subState === "auto-restart";
  const isQueued = signal.subState === "auto-restart-queued";
  if (isQueued || (isAutoRestart(signal.subState) && !underWatch)) {
    // The newest restart follows the end of the run before it, whose result is known.
    if (!isFailureResult(facts.result)) return undefined;
    // The signal itself counts that one.
    if (!isQueued && failsInPassing(facts, signal, underWatch)) lost -= 1;
  } else if (isEnd && isFailureInJournal(facts, signal, facts.lastRestart)) {
    // The journal has the failure that the signal reports, which no restart follows yet.
    lost += 1;
  }
  if (lost <= 0 || restartsShowFailures(facts) !== true) return undefined;
  return lostFailures(facts, signal, Math.min(lost, room));
}

function lostFailures(facts: UnitFacts, { stateChangeNs, timeNs }: UnitSignal, lost: number): Fold {
  const { activeState, subState } = facts;
  const untilNs = stateChangeNs || timeNs;
  const result = facts.failureResult ?? (isFailureResult(facts.result) ? facts.result : undefined);
  const outcomes: UnitOutcome[] = [];
  let { lastFailure } = facts;
  for (let run = lost; run > 0; run -= 1) {
    const atNs = untilNs - BigInt(run) * STEP_NS;
    const counted = nextFailure({ lastFailure }, { invocationId: "", timeNs: atNs });
    lastFailure = counted;
    const happened = { activeState, subState, previousState: undefined, recovered: true };
    outcomes.push({
      kind: "failure",
      ...happened,
      timeNs: atNs,
      counted,
      result,
      exitCode: undefined,
    });
  }
  const failuresSinceRestart = facts.failuresSinceRestart + lost;
  return { facts: { ...facts, lastFailure, failuresSinceRestart }, outcomes };
}
