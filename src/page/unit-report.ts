import { processEnd } from "../domain/exit-status.ts";
import type { JournalLine } from "../domain/journal.ts";
import type { Recent } from "../domain/recent.ts";
import type { LineReport, OomReport, RecentCount, UnitReport } from "../domain/status.ts";
import type { ContainerRecord } from "../state/containers/container-record.ts";
import type { UnitRecord } from "../state/units/unit-record.ts";
import { rfc3339 } from "./rfc3339.ts";

interface LineSource {
  /** Returns the last lines of a unit that failed, the oldest first. */
  readonly lastLinesOf: (container: string, unit: string) => readonly JournalLine[];
}

/** Facts about a unit that state doesn't have. */
export interface UnitExtras extends Required<Pick<UnitReport, "details" | "oomKill">> {
  /** Last lines of its newest run, the oldest first. */
  readonly lines: readonly JournalLine[];
  /** Facts of systemd about a unit whose end is older than the watch. */
  readonly past: Pick<UnitReport, "result" | "exitCode" | "since"> | undefined;
}

/** Longest time between the failure of a unit and the engine's event of the kill that caused it. */
const OOM_SPAN_NS = 3_000_000_000n;
/** Units of a kill for lack of memory: one kill ends one process. */
const MAX_OOM_UNITS = 20;
const SIGKILL = 9;

/** Returns true if the unit's last failure was a kill for lack of memory. */
export function isOutOfMemory(unit: UnitRecord, oomAtNs: bigint): boolean {
  const { failureResult, lastFailure } = unit.facts;
  if (failureResult === "oom-kill") return true;
  // With cgroup v1, systemd sees the signal alone.
  if (failureResult !== "signal" || lastFailure === undefined || oomAtNs === 0n) return false;
  const spanNs = lastFailure.timeNs - oomAtNs;
  if (spanNs < -OOM_SPAN_NS || spanNs > OOM_SPAN_NS) return false;
  return unit.result !== "signal" || unit.exitStatus === SIGKILL;
}

/** Returns the newest kill for lack of memory, with the units that failed by it. */
export function oomReport(record: ContainerRecord): OomReport | null {
  const { oomAtNs } = record.conditions;
  const at = rfc3339(oomAtNs);
  if (at === null) return null;
  const units: string[] = [];
  for (const unit of record.units()) {
    const { lastFailure } = unit;
    if (!unit.shown || lastFailure === undefined || units.length >= MAX_OOM_UNITS) continue;
    const spanNs = lastFailure.timeNs - oomAtNs;
    const isNear = spanNs >= -OOM_SPAN_NS && spanNs <= OOM_SPAN_NS;
    if (isNear && isOutOfMemory(unit, oomAtNs)) units.push(unit.path);
  }
  return { at, units };
}

export function unitReport(
  unit: UnitRecord,
  context: {
    readonly sources: LineSource;
    readonly container: ContainerRecord;
    readonly nowNs: bigint;
  },
): UnitReport {
  const { sources, container, nowNs } = context;
  const { oomAtNs } = container.conditions;
  const {
    path: name,
    user,
    type,
    activeState = null,
    subState,
    result = null,
    restarts,
    lastFailure,
  } = unit;
  const sinceNs = unit.stateChangeNs > 0n ? unit.stateChangeNs : unit.activeEnterNs;
  return {
    name,
    ...(user === undefined ? {} : { user }),
    type,
    activeState,
    subState,
    loadState: (activeState !== null && unit.loadFault) || null,
    freezerState: unit.frozenState ?? null,
    since: activeState === null ? null : rfc3339(sinceNs),
    result,
    exitCode: unit.exitStatus ?? null,
    endedWith: processEnd(result, unit.exitStatus)?.text ?? null,
    startLimitHit: unit.startLimitHit,
    outOfMemory: isOutOfMemory(unit, oomAtNs),
    countingSince: rfc3339(unit.counters.sinceNs),
    failures: Object.fromEntries(unit.failures),
    lastFailureAt: rfc3339(lastFailure?.timeNs ?? 0n),
    hasLastLines: sources.lastLinesOf(container.identity.id, name).length > 0,
    restarts,
    recent: recentOf(unit, nowNs),
  };
}

export function lineReport({
  timeNs,
  priority,
  identifier,
  pid,
  message,
}: JournalLine): LineReport {
  return {
    time: rfc3339(timeNs),
    priority: priority ?? null,
    identifier,
    pid: pid ?? null,
    message,
  };
}

/** Adds what isn't in the state to the report of a unit. */
export function withExtras(
  report: UnitReport,
  more: {
    readonly extras: UnitExtras | undefined;
    /** Lines that are remembered. */
    readonly lastLines: readonly LineReport[] | undefined;
    readonly history?: Pick<UnitReport, "history" | "around"> | undefined;
  },
): UnitReport {
  const { extras, lastLines = [] } = more;
  const named = { ...report, ...more.history };
  if (extras === undefined) return more.lastLines === undefined ? report : { ...named, lastLines };
  const { details, lines, past, oomKill } = extras;
  const outOfMemory = report.outOfMemory || oomKill !== null;
  const shown = {
    outOfMemory,
    details,
    oomKill,
    lastLines: lastLines.length > 0 ? lastLines : lines.map(lineReport),
  };
  if (report.result !== null || past === undefined) return { ...named, ...shown };
  const { result, exitCode } = past;
  const endedWith = processEnd(result, exitCode)?.text ?? null;
  const since = report.since ?? past.since;
  return { ...named, result, exitCode, endedWith, since, ...shown };
}

export function recentOf({ counters }: UnitRecord, nowNs: bigint): UnitReport["recent"] {
  const failures = counters.recentFailures(nowNs);
  const restarts = counters.recentRestarts(nowNs);
  if (failures === undefined && restarts === undefined) return null;
  return { failures: recentCount(failures), restarts: recentCount(restarts) };
}

export function recentCount(recent: Recent | undefined): RecentCount | null {
  if (recent === undefined) return null;
  const { count, firstNs, lastNs } = recent;
  return { count, firstAt: rfc3339(firstNs), lastAt: rfc3339(lastNs) };
}
