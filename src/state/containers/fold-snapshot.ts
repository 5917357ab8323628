import type { ContainerDetails, ContainerSummary } from "../../domain/container.ts";
import { EventKind } from "../../domain/event.ts";
import { isGoodExit } from "../../domain/exit-code.ts";
import type { ContainerOutcome, Occurrence } from "./container-outcome.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { MissedRuns } from "./run-tracker.ts";

/** Longest time from a request to end a container, or from the kill that follows it, to the end. */
const REQUEST_NS = 60_000_000_000n;

/**
 * Returns details with the times that are known of the same run: the host's clock may have been set
 * since, and the source's own times with it.
 */
export function withKnownTimes(
  details: ContainerDetails,
  known: ContainerRecord | undefined,
): ContainerDetails {
  const isSame = details.process !== undefined && details.process === known?.process;
  if (known === undefined || !isSame) return details;
  const { startedAtNs, finishedAtNs } = known;
  return { ...details, startedAtNs, finishedAtNs };
}

/**
 * Folds in an inspection while events before it may still come, and returns what has happened.
 *
 * @param fresh false if events came since inspect was called
 */
export function foldDetails(
  record: ContainerRecord,
  details: ContainerDetails,
  fresh: boolean,
): readonly ContainerOutcome[] {
  const restarts = restartsIn(record, details, fresh);
  const { startedAtNs: startedBeforeNs } = record;
  const timesNs = record.exitTimes.ofRestarts(restarts, details, { fresh, startedBeforeNs });
  record.runs.restarted(restarts);
  record.runsSystemd = details.runsSystemd;
  if (fresh) {
    const wasBefore = !record.runs.isKnown && startedBeforeNs === 0n;
    record.runs.settle(details);
    record.runs.begin(details);
    record.adopt(details);
    // The kill may be older than the watch.
    if (wasBefore) isOomMissed(record, details);
  }
  const outcomes = restartOutcomes(details, { timesNs, recovered: 0 });
  return fresh && isOomInferred(record, details)
    ? [...outcomes, oomOutcome(details, false)]
    : outcomes;
}

/**
 * Folds in an inspection after every event before it was applied, and returns what has happened:
 * whatever else it shows was missed, and is recovered.
 *
 * @param nowNs time of changes to which the engine gives none
 */
export function foldFinalDetails(
  record: ContainerRecord,
  details: ContainerDetails,
  nowNs: bigint,
): readonly ContainerOutcome[] {
  const { alive: wasAlive, paused: wasPaused, health: healthBefore } = record;
  const { startedAtNs: startedBeforeNs, exitTimes } = record;
  const isFirst = beganListed(record);
  const wasEnded = record.finishedAtNs > 0n;
  const restarts = restartsIn(record, details, true);
  record.runs.restarted(restarts);
  const missed = record.runs.reconcile(details);
  record.adopt(details);
  if (wasAlive && !record.alive) record.systemdEnded();
  if (missed === undefined) {
    if (startedBeforeNs === 0n) isOomMissed(record, details);
    return isOomInferred(record, details) ? [oomOutcome(details, false)] : [];
  }

  if (missed.starts > 0) record.oom = "none";
  // The engine keeps the time of an exit before the present run, and not its code.
  if (missed.exits > 0 && record.alive) record.lastExitCode = undefined;
  if (missed.exits > 0) record.conditions.lastEnd = undefined;
  const wasBefore = isFirst && !wasEnded && missed.exits === 0;
  const isOom = isOomInferred(record, details) && !wasBefore;
  const runs = runOutcomes(details, { missed, nowNs, alive: record.alive });
  for (const { kind, timeNs } of runs) {
    if (kind === EventKind.ContainerDie) exitTimes.exited(timeNs);
  }
  const timesNs = exitTimes.ofRestarts(restarts, details, { fresh: true, startedBeforeNs });
  // As arguments of `push`, this many could overflow the stack.
  const outcomes: ContainerOutcome[] = [
    ...(isOom ? [oomOutcome(details, true)] : []),
    ...runs,
    ...restartOutcomes(details, { timesNs, recovered: missed.exits }),
  ];

  const now = { timeNs: nowNs, recovered: true };
  // The kill may be older than the watch, if its run is.
  if (isOomMissed(record, details) && (!isFirst || missed.starts > 0)) {
    outcomes.push({ kind: EventKind.ContainerOom, ...now });
  }
  const isSameRun = missed.starts === 0 && missed.exits === 0;
  if (isSameRun && wasAlive && record.alive && wasPaused !== record.paused) {
    outcomes.push(pauseOutcome(record, now));
  }
  const { health } = record;
  if (!isFirst && health !== undefined && health !== "starting" && health !== healthBefore) {
    record.conditions.healthSinceNs = nowNs;
    outcomes.push({ kind: EventKind.ContainerHealth, ...now, health });
  }
  return outcomes;
}

/**
 * Folds in the list's entry of a container that can't be inspected, and returns what has happened.
 * It corrects what is shown; missed changes are counted when the container can be inspected again,
 * which gives their times and codes.
 *
 * @param context `exact` is true if every event before the list was applied
 */
export function foldSummary(
  record: ContainerRecord,
  { status }: ContainerSummary,
  context: { readonly exact: boolean; readonly nowNs: bigint },
): readonly ContainerOutcome[] {
  const { alive: wasAlive, paused: wasPaused } = record;
  const { exact, nowNs } = context;
  record.status = status;
  if (record.alive && wasAlive) {
    const isChange = exact && record.paused !== wasPaused;
    return isChange ? [pauseOutcome(record, { timeNs: nowNs, recovered: true })] : [];
  }
  if (record.alive === wasAlive) return [];
  record.health = undefined;
  if (record.alive) {
    record.startedAtNs = 0n;
    return [];
  }
  record.finishedAtNs = 0n;
  record.lastExitCode = undefined;
  record.systemdEnded();
  return [];
}

/** True if counting began with the engine's list, and the container wasn't inspected yet. */
function beganListed(record: ContainerRecord): boolean {
  return record.runs.isKnown && record.restartsSeen === undefined;
}

/** Returns the policy restarts since the last inspection. Those before it became known don't count. */
function restartsIn(record: ContainerRecord, details: ContainerDetails, fresh: boolean): number {
  const { restartCount } = details;
  const isFirst = beganListed(record);
  // The number of starts bounds it, and this inspection may be older than some of them.
  if (isFirst && !fresh) return 0;
  const before = record.restartsSeen ?? restartCount;
  record.restartsSeen = restartCount;
  if (isFirst) return record.runs.restartsSince(details, restartCount);
  // A manual start set it back to 0.
  return restartCount >= before ? restartCount - before : restartCount;
}

/** The first `recovered` restarts were missed, with the ends that led to them. */
function restartOutcomes(
  { restartCount }: ContainerDetails,
  facts: { readonly timesNs: readonly bigint[]; readonly recovered: number },
): ContainerOutcome[] {
  const { timesNs, recovered } = facts;
  return timesNs.map((timeNs, i) => ({
    kind: EventKind.ContainerRestart,
    timeNs,
    recovered: i < recovered,
    restartCount: restartCount - timesNs.length + 1 + i,
  }));
}

/**
 * Returns true, once a run, if inspect reports an OOM kill that no event did, after an exit that it
 * can have caused. Engines report a kill of any process in the run, at whatever time.
 */
function isOomInferred(record: ContainerRecord, details: ContainerDetails): boolean {
  if (!details.oomKilled || record.alive || record.oom !== "none") return false;
  const { exitCode } = details;
  if (exitCode !== undefined && isGoodExit(exitCode, details.runsSystemd)) return false;
  if (isRequested(record, details)) return false;
  record.oom = "inferred";
  record.conditions.oomAtNs = details.finishedAtNs;
  if (record.conditions.lastEnd?.by === "itself") {
    record.conditions.lastEnd = { by: "oom", signal: undefined };
  }
  return true;
}

/** Returns true if the engine was requested to end the run, shortly before it ended or since. */
function isRequested({ stopRequestedNs }: ContainerRecord, details: ContainerDetails): boolean {
  const { startedAtNs, finishedAtNs, stoppedByUser = false } = details;
  if (stoppedByUser) return true;
  return stopRequestedNs > startedAtNs && stopRequestedNs > finishedAtNs - REQUEST_NS;
}

/** Returns true, once a run, if a container that still runs has an OOM kill without an event. */
function isOomMissed(record: ContainerRecord, details: ContainerDetails): boolean {
  if (!details.oomKilled || !record.alive || record.oom !== "none") return false;
  record.oom = "inferred";
  record.kills.event(details.startedAtNs);
  return true;
}

function oomOutcome({ finishedAtNs }: ContainerDetails, recovered: boolean): ContainerOutcome {
  return { kind: EventKind.ContainerOom, timeNs: finishedAtNs, recovered };
}

function pauseOutcome(record: ContainerRecord, when: Occurrence): ContainerOutcome {
  if (record.paused) record.conditions.pausedSinceNs = when.timeNs;
  const kind = record.paused ? EventKind.ContainerPause : EventKind.ContainerUnpause;
  return { kind, ...when };
}

/**
 * Returns the starts and ends of runs that were missed, which alternate. The engine keeps the times
 * of the newest start and end alone: those before get the time of what followed, less a nanosecond
 * each.
 */
function runOutcomes(
  details: ContainerDetails,
  facts: { readonly missed: MissedRuns; readonly nowNs: bigint; readonly alive: boolean },
): ContainerOutcome[] {
  const { missed, nowNs, alive } = facts;
  let { starts, exits } = missed;
  const newestNs = alive ? details.startedAtNs : details.finishedAtNs;
  let timeNs = (newestNs === 0n ? nowNs : newestNs) + 1n;
  let startTimeNs: bigint | undefined = details.startedAtNs;
  let exitTimeNs: bigint | undefined = details.finishedAtNs;
  const newestFirst: ContainerOutcome[] = [];
  for (let isStart = alive; starts + exits > 0; isStart = !isStart) {
    const known = isStart ? startTimeNs : exitTimeNs;
    timeNs = known !== undefined && known > 0n && known < timeNs ? known : timeNs - 1n;
    const when = { timeNs, recovered: true };
    if (isStart) {
      startTimeNs = undefined;
      if (starts === 0) continue;
      starts -= 1;
      newestFirst.push({ kind: EventKind.ContainerStart, ...when });
    } else {
      const exitCode = !alive && exitTimeNs !== undefined ? details.exitCode : undefined;
      exitTimeNs = undefined;
      if (exits === 0) continue;
      exits -= 1;
      newestFirst.push({ kind: EventKind.ContainerDie, ...when, exitCode });
    }
  }
  return newestFirst.reverse();
}
