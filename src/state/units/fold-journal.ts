import type { JournalEntry } from "../../domain/systemd.ts";
import {
  endedSince,
  knownEnds,
  mostEnds,
  restartsAfterFailuresAlone,
  restartsShowFailures,
} from "./restart-order.ts";
import type { CountedChange, Fold, UnitFacts, UnitOutcome } from "./unit-facts.ts";

/** Distance of the estimated times of failures without a line: each change has another time. */
export const STEP_NS = 1_000n;

/** Failures without a line that are counted at most before one restart: the container numbers it. */
export const MAX_LOST = 10_000;

/**
 * Counts one entry of the journal, read for a time without a stream; undefined if it was counted
 * already. A signal may still come for what it reports.
 *
 * Of one unit, systemd's lines and its state changes alternate: it writes the line about a failure,
 * and then changes the state; it changes the state to wait for a restart, and then writes the line
 * about that. (v257 changes the state after that line once more.) So a line that is older than a
 * state change that was counted was counted too.
 *
 * @param bounds `baselineNs` is when counting began: nothing up to then counts; `room` is how many
 *   failures without a line are counted at most
 */
export function foldEntry(
  facts: UnitFacts,
  entry: JournalEntry,
  bounds: { readonly baselineNs: bigint; readonly room?: number },
): Fold | undefined {
  const { baselineNs, room = MAX_LOST } = bounds;
  if (entry.timeNs <= baselineNs || entry.timeNs <= facts.settledNs) return undefined;
  const last = entry.kind === "failure" ? facts.lastFailure : facts.lastRestart;
  if (last !== undefined && entry.timeNs <= last.timeNs) return undefined;
  if (entry.kind === "failure") return foldMissedFailure(facts, entry);
  if (last !== undefined && isCovered(last, entry.restarts, entry.invocationId)) return undefined;
  return foldMissedRestart(facts, entry, room);
}

/** Runs without a restart between them whose failures are distinguished. */
export const MAX_RUNS = 64;

/** Counts a failure that was missed when it happened. A signal may still come for it. */
export function foldMissedFailure(
  facts: UnitFacts,
  missed: Pick<JournalEntry, "result" | "invocationId" | "timeNs">,
): Fold {
  const { result, timeNs } = missed;
  const counted = nextFailure(facts, missed);
  const runs = [...(facts.journalFailure?.runs ?? []), counted.invocationId].slice(-MAX_RUNS);
  return {
    facts: {
      ...facts,
      failureResult: result ?? facts.failureResult,
      failuresSinceRestart: facts.failuresSinceRestart + 1,
      lastFailure: counted,
      journalFailure: { ...counted, untilNs: undefined, runs },
    },
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

/** Counts a restart, and the changes before it whose lines the journal lost. */
function foldMissedRestart(facts: UnitFacts, entry: JournalEntry, room: number): Fold {
  const { activeState, subState, result, exitStatus, restartsSeen = 0 } = facts;
  const { restarts = restartsSeen + 1, invocationId, timeNs } = entry;
  const lost = Math.min(lostFailures(facts, entry), room);
  // Its own failure was counted: the lost ones are of runs before.
  const known = facts.lastFailure?.invocationId === invocationId ? facts.lastFailure : undefined;
  const outcomes: UnitOutcome[] = [];
  let next = facts;
  for (let run = lost; run > 0; run -= 1) {
    const missed = {
      result: facts.failureResult,
      invocationId: run === 1 && known === undefined ? invocationId : "",
      timeNs: timeNs - BigInt(run) * STEP_NS,
    };
    const fold = foldMissedFailure(next, missed);
    next = fold.facts;
    outcomes.push(...fold.outcomes);
  }
  const { journalFailure } = next;
  if (journalFailure !== undefined) {
    next = { ...next, journalFailure: { ...journalFailure, runs: [] } };
  }
  if (known !== undefined) next = { ...next, lastFailure: { ...known, timeNs: lastNs(next) } };
  const counted = { invocationId, timeNs, number: restarts };
  outcomes.push({
    kind: "restart",
    timeNs,
    activeState,
    subState,
    previousState: activeState,
    recovered: true,
    count: 1 + lostRestarts(facts, entry),
    counted,
    result,
    exitCode: exitStatus,
  });
  return {
    facts: {
      ...next,
      failuresSinceRestart: 0,
      restartsSeen: restarts,
      lastRestart: counted,
      journalRestart: counted,
    },
    outcomes,
  };
}

function lastNs({ lastFailure }: UnitFacts): bigint {
  return lastFailure?.timeNs ?? 0n;
}

/** Returns how many restarts before this one the journal lost: each has the next number. */
function lostRestarts(
  { restartsSeen, activeState }: UnitFacts,
  { restarts }: JournalEntry,
): number {
  // One that was inactive began from 0.
  const before = restartsSeen ?? (activeState === "inactive" ? 0 : undefined);
  if (before === undefined || restarts === undefined) return 0;
  return Math.max(restarts - before - 1, 0);
}

/** Returns how many failures before this restart the journal lost. */
function lostFailures(facts: UnitFacts, entry: JournalEntry): number {
  const { invocationId, timeNs } = entry;
  const { lastRestart } = facts;
  const restarts = lostRestarts(facts, entry);
  const isShown = restarts > 0 ? restartsShowFailures(facts) : restartsAfterFailuresAlone(facts);
  if (isShown !== true) return 0;
  // systemd can schedule two restarts in one wait.
  if (invocationId !== "" && lastRestart?.invocationId === invocationId) return 0;
  const startNs = facts.invocationId === invocationId ? facts.activeEnterNs : 0n;
  const last = { invocationId, timeNs, isEnd: false, startNs };
  const most = Math.max(mostEnds(facts, last, endedSince(facts)), 1);
  const ends = Math.min(restarts + 1, most);
  return Math.min(Math.max(ends - knownEnds(facts), 0), MAX_LOST);
}

/** Returns the newer of two, the first if they are as old. */
export function newest(
  one: CountedChange | undefined,
  other: CountedChange | undefined,
): CountedChange | undefined {
  return (one?.timeNs ?? -1n) >= (other?.timeNs ?? -1n) ? one : other;
}

/** Returns the next failure of this run, numbered. */
export function nextFailure(
  { lastFailure: last }: Pick<UnitFacts, "lastFailure">,
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
