import type { JournalEntry } from "../../domain/systemd.ts";
import type { CountedChange, Fold, UnitFacts } from "./unit-facts.ts";

/**
 * Counts one entry of the journal, read for a time without a stream; undefined if it was counted
 * already. A signal may still come for what it reports.
 *
 * Of one unit, systemd's lines and its state changes alternate: it writes the line about a failure,
 * and then changes the state; it changes the state to wait for a restart, and then writes the line
 * about that. (v257 changes the state after that line once more.) So a line that is older than a
 * state change that was counted was counted too.
 *
 * @param baselineNs when counting began: nothing up to then counts
 */
export function foldEntry(
  facts: UnitFacts,
  entry: JournalEntry,
  baselineNs: bigint,
): Fold | undefined {
  if (entry.timeNs <= baselineNs) return undefined;
  const last = entry.kind === "failure" ? facts.lastFailure : facts.lastRestart;
  if (last !== undefined && entry.timeNs <= last.timeNs) return undefined;
  if (entry.kind === "failure") return foldMissedFailure(facts, entry);
  if (last !== undefined && isCovered(last, entry.restarts, entry.invocationId)) return undefined;
  return foldMissedRestart(facts, entry);
}

/** Counts a failure that was missed when it happened. A signal may still come for it. */
export function foldMissedFailure(
  facts: UnitFacts,
  missed: Pick<JournalEntry, "result" | "invocationId" | "timeNs">,
): Fold {
  const { result, timeNs } = missed;
  const counted = nextFailure(facts, missed);
  return {
    facts: { ...facts, lastFailure: counted, journalFailure: { ...counted, untilNs: undefined } },
    outcomes: [
      {
        kind: "failure",
        timeNs,
        activeState: facts.activeState,
        subState: facts.subState,
        previousState: undefined,
        recovered: true,
        counted,
        result,
        exitCode: undefined,
      },
    ],
  };
}

function foldMissedRestart(facts: UnitFacts, entry: JournalEntry): Fold {
  const { activeState, subState, result, exitStatus, restartsSeen = 0 } = facts;
  const { restarts = restartsSeen + 1, invocationId, timeNs } = entry;
  const counted = { invocationId, timeNs, number: restarts };
  return {
    facts: { ...facts, restartsSeen: restarts, lastRestart: counted, journalRestart: counted },
    outcomes: [
      {
        kind: "restart",
        timeNs,
        activeState,
        subState,
        previousState: activeState,
        recovered: true,
        count: 1,
        counted,
        result,
        exitCode: exitStatus,
      },
    ],
  };
}

/** Returns the next failure of this run, numbered. */
export function nextFailure(
  { lastFailure: last }: UnitFacts,
  { invocationId, timeNs }: Pick<CountedChange, "invocationId" | "timeNs">,
): CountedChange {
  const number = last?.invocationId === invocationId ? last.number + 1 : 1;
  return { invocationId, timeNs, number };
}

/**
 * True if NRestarts of this run was counted up to `restarts`. One wait can bring two restarts:
 * systemd schedules a second one if it is reloaded meanwhile.
 */
export function isCovered(
  last: CountedChange,
  restarts: number | undefined,
  invocationId: string,
): boolean {
  return restarts !== undefined && restarts <= last.number && isSameRun(last, invocationId);
}

/** True unless the counted change is known to be of another run. */
export function isSameRun(last: CountedChange, invocationId: string): boolean {
  return last.invocationId === invocationId || last.invocationId === "";
}
