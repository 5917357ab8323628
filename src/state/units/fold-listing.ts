import type { UnitRow } from "../../domain/unit.ts";
import { foldMissedFailure } from "./fold-journal.ts";
import { isMissedStart } from "./restart-order.ts";
import { isAutoRestart, NO_OUTCOMES } from "./unit-facts.ts";
import type { Fold, UnitFacts } from "./unit-facts.ts";

/** The listing that a row is of. */
export interface Listing {
  /** When it was made: Unix nanoseconds; 0n for units that were just loaded. */
  readonly asOfNs: bigint;
  /** When the stream was opened: Unix nanoseconds. */
  readonly attachedAtNs: bigint;
  /** True for the first listing on a stream. */
  readonly afterGap: boolean;
}

/**
 * Folds in the state of a row of ListUnits, unless a signal is newer. Counts one failure if the
 * unit failed in the gap before the listing and the journal didn't report it.
 */
export function foldRow(facts: UnitFacts, row: UnitRow, listing: Listing): Fold {
  const { asOfNs, attachedAtNs } = listing;
  if (asOfNs > 0n && facts.signalNs > asOfNs) return { facts, outcomes: NO_OUTCOMES };
  if (isMissedFailure(facts, row, listing)) {
    const { invocationId } = facts;
    const missed = foldMissedFailure(facts, { result: undefined, invocationId, timeNs: asOfNs });
    return { facts: listed(missed.facts, row, listing), outcomes: missed.outcomes };
  }
  const { activeState, subState, isListed, journalFailure, journalRestart } = facts;
  const isAsKnown = activeState === row.activeState && subState === row.subState && isListed;
  const isUnexpired =
    (journalFailure?.timeNs ?? attachedAtNs) >= attachedAtNs &&
    (journalRestart?.timeNs ?? attachedAtNs) >= attachedAtNs;
  if (isAsKnown && isUnexpired) return { facts, outcomes: NO_OUTCOMES };
  return { facts: listed(facts, row, listing), outcomes: NO_OUTCOMES };
}

/**
 * Folds in an ActiveEnterTimestamp that was queried. One that differs from before a gap shows a
 * start in the gap, unless a restart that was counted shows it.
 *
 * @param wasLoaded true if the unit was active before the gap and after it
 * @returns undefined if nothing changed
 */
export function foldStartTime(
  facts: UnitFacts,
  timeNs: bigint,
  wasLoaded: boolean,
): Fold | undefined {
  const { activeState, subState, activeEnterNs: beforeNs } = facts;
  if (activeState !== "active" || beforeNs === timeNs) return undefined;
  if (!wasLoaded || !isMissedStart(facts, timeNs)) {
    return { facts: { ...facts, activeEnterNs: timeNs }, outcomes: NO_OUTCOMES };
  }
  return {
    facts: { ...facts, activeEnterNs: timeNs, recoveredStartNs: timeNs },
    outcomes: [
      {
        kind: "transition",
        timeNs,
        activeState,
        subState,
        previousState: undefined,
        recovered: true,
      },
    ],
  };
}

/** True if the unit is failed after a gap, wasn't before, and no failure since then was counted. */
function isMissedFailure(facts: UnitFacts, row: UnitRow, { afterGap, asOfNs }: Listing): boolean {
  if (!afterGap || row.activeState !== "failed" || facts.signalNs > asOfNs) return false;
  if (facts.activeState === undefined || facts.activeState === "failed") return false;
  return facts.lastFailure === undefined || facts.lastFailure.timeNs < facts.stateChangeNs;
}

/**
 * Returns the facts as listed. No more signals come for what the journal reported of the time
 * before the stream, but for a state change that came late after its line.
 */
function listed(
  facts: UnitFacts,
  row: UnitRow,
  { asOfNs, attachedAtNs, afterGap }: Listing,
): UnitFacts {
  const { journalFailure: failure, journalRestart: restart } = facts;
  const isOver = row.activeState === "failed" || isAutoRestart(row.subState);
  const isBounded = isOver && failure !== undefined && failure.timeNs < attachedAtNs;
  // The end of its run was before it was known. Of a unit that was loaded since, a signal reports it.
  const isKnownEnd = isOver && facts.activeState === undefined && afterGap;
  const isPast = restart !== undefined && restart.timeNs < attachedAtNs;
  return {
    ...facts,
    activeState: row.activeState,
    subState: row.subState,
    isListed: true,
    isStarting: facts.isStarting && facts.signalNs > 0n && row.activeState === facts.activeState,
    failuresSinceRestart: isKnownEnd ? 1 : facts.failuresSinceRestart,
    fromListing: facts.fromListing || facts.activeState !== row.activeState,
    journalFailure: isBounded ? { ...failure, untilNs: asOfNs } : failure,
    journalRestart: isPast ? undefined : restart,
  };
}
