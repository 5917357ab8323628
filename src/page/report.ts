import type {
  ContainerReport,
  EngineReport,
  LineReport,
  QueueReport,
  StatusReport,
  SummaryReport,
  SystemdReport,
} from "../domain/status.ts";
import type { JournalLine } from "../domain/journal.ts";
import type { ContainerIdentity } from "../domain/container.ts";
import { eventContainer } from "../domain/container-name.ts";
import { userOf } from "../domain/user-unit.ts";
import type { ContainerRecord } from "../state/containers/container-record.ts";
import type { SystemdState } from "../state/units/systemd-state.ts";
import type { UnitRecord } from "../state/units/unit-record.ts";
import { nodeHistory, unitHistory } from "./history-report.ts";
import type { HistorySource } from "./history-report.ts";
import { rfc3339 } from "./rfc3339.ts";
import { TextParts } from "./text-parts.ts";
import {
  lineReport,
  oomReport,
  recentCount,
  recentOf,
  unitReport,
  withExtras,
} from "./unit-report.ts";
import type { UnitExtras } from "./unit-report.ts";
import { isLooping, troubleOf, unitLevel } from "./view/trouble.ts";
import type { TroubledUnits } from "./view/trouble.ts";

/** Facts about containers that their records lack. */
interface ReportContext {
  /** Returns false if its systemd is not to be watched, whether it runs one or not. */
  readonly watchesSystemd: (identity: ContainerIdentity) => boolean;
  /** Returns the seconds from the last change of this container's systemd to the state that showed it. */
  readonly lagOf: (id: string) => number | undefined;
}

/** Supplies what a report shows. */
export interface ReportSources extends ReportContext {
  /** Returns the containers, with the host before them if it is watched. */
  readonly containers: () => Iterable<ContainerRecord>;
  readonly engine: () => EngineReport;
  /** Returns the state of the OTLP queue; undefined if OTLP export is off or the state is unknown. */
  readonly otlpQueue: () => QueueReport | undefined;
  readonly lastEventId: () => string;
  /** Returns the last lines of a unit that failed, the oldest first. */
  readonly lastLinesOf: (container: string, unit: string) => readonly JournalLine[];
  /** Absent for a state without a past. */
  readonly history?: HistorySource;
  readonly nowNs: () => bigint;
  readonly version: string;
}

/** Names of the containers in a report; undefined for all. */
export type ContainerFilter = ReadonlySet<string> | undefined;

/** Parts of the containers that a report has. */
export interface ReportSelection {
  /** Names of its only units, hidden ones too; undefined for all that are shown. */
  readonly units?: ReadonlySet<string> | undefined;
  /** True for the containers, and units, that need attention alone. */
  readonly attention?: boolean;
  /** Further facts about units. */
  readonly extras?: ReadonlyMap<UnitRecord, UnitExtras>;
}

/** Containers, and units, that are written between two yields. */
const CONTAINERS_PER_STEP = 50;
const UNITS_PER_STEP = 100;
/** Units that are looked at between two yields. */
const UNITS_READ_PER_STEP = 500;

/** Returns a report without its containers, all of one moment. */
export function reportHead(sources: ReportSources): Omit<StatusReport, "containers"> {
  return {
    time: rfc3339(sources.nowNs()) ?? "",
    version: sources.version,
    lastEventId: sources.lastEventId(),
    engine: sources.engine(),
    summary: summaryOf(sources),
    otlpQueue: sources.otlpQueue() ?? null,
  };
}

function summaryOf(sources: ReportSources): SummaryReport {
  const summary = { containers: 0, running: 0, nodes: 0, watched: 0, degraded: 0, failedUnits: 0 };
  for (const record of sources.containers()) {
    if (record.destroyedAtNs !== undefined) continue;
    const isContainer = record.identity.isHost !== true;
    if (isContainer) summary.containers += 1;
    if (!record.alive) continue;
    if (isContainer) summary.running += 1;
    if (!sources.watchesSystemd(record.identity) || record.runsSystemd !== true) continue;
    const { systemd } = record;
    summary.nodes += 1;
    if (systemd.up) summary.watched += 1;
    const { systemState } = systemd.manager;
    if (systemState === "degraded" || systemState === "maintenance") summary.degraded += 1;
    summary.failedUnits += failedCount(record);
  }
  return summary;
}

/** Number of failed units, those of users too. */
function failedCount({ systemd, users }: ContainerRecord): number {
  let count = systemd.units.counts().get("failed") ?? 0;
  for (const user of users.values()) count += user.systemd.units.counts().get("failed") ?? 0;
  return count;
}

/** Yields the containers that a filter names, in the order in which they were discovered. */
export function* filtered(
  sources: ReportSources,
  filter: ContainerFilter,
): Generator<ContainerRecord> {
  for (const record of sources.containers()) {
    if (filter === undefined || filter.has(eventContainer(record.identity))) yield record;
  }
}

/**
 * Writes a {@link StatusReport} as JSON. Yields now and then, so the units of a container with many of
 * them may be of several moments. The head is written first: events after its `lastEventId` report
 * all changes since.
 */
export function* writeReport(
  sources: ReportSources,
  filter: ContainerFilter,
  selection: ReportSelection = {},
): Generator<void, Buffer, void> {
  const nowNs = sources.nowNs();
  const out = new TextParts();
  out.add(`${JSON.stringify(reportHead(sources)).slice(0, -1)},"containers":[`);
  yield;
  let written = 0;
  for (const record of filtered(sources, filter)) {
    const trouble = yield* unitsInTrouble(record, nowNs);
    const present = containerFacts(record, { sources, nowNs, units: trouble.counts });
    const past = sources.history;
    const history = filter && past && nodeHistory(past, record);
    const facts = history === undefined ? present : { ...present, history };
    if (selection.attention === true && !needsAttention(facts)) continue;
    out.add(`${written === 0 ? "" : ","}\n${JSON.stringify(facts).slice(0, -1)},"units":[`);
    written += 1;
    const linesOf = ({ path }: UnitRecord): readonly LineReport[] =>
      sources.lastLinesOf(record.identity.id, path).map(lineReport);
    let units = 0;
    for (const unit of selectedUnits(record, trouble, selection)) {
      const facts = unitReport(unit, { sources, container: record, nowNs });
      const report =
        selection.units === undefined && selection.extras === undefined
          ? facts
          : withExtras(facts, {
              extras: selection.extras?.get(unit),
              lastLines: selection.units === undefined ? undefined : linesOf(unit),
              history:
                selection.units === undefined || past === undefined
                  ? undefined
                  : unitHistory(past, record, unit),
            });
      out.add(`${units === 0 ? "" : ","}${JSON.stringify(report)}`);
      units += 1;
      if (units % UNITS_PER_STEP === 0) yield;
    }
    out.add("]}");
    if (units > 0 || written % CONTAINERS_PER_STEP === 0) yield;
  }
  out.add("]}\n");
  return yield* out.end();
}

function needsAttention({ trouble, removedAt }: ContainerFacts): boolean {
  return removedAt === null && (trouble.level === "failing" || trouble.level === "warning");
}

/** Yields the shown units that failed before they were watched: their results aren't in the state. */
export function* failedBefore(
  containers: Iterable<ContainerRecord>,
): Generator<readonly [ContainerRecord, UnitRecord], void, void> {
  for (const record of containers) {
    if (failedCount(record) === 0) continue;
    for (const unit of record.units()) {
      if (unit.shown && unit.activeState === "failed" && unit.result === undefined) {
        yield [record, unit];
      }
    }
  }
}

/** Yields the units of these names, with their containers. */
export function* namedUnits(
  containers: Iterable<ContainerRecord>,
  names: ReadonlySet<string>,
): Generator<readonly [ContainerRecord, UnitRecord], void, void> {
  for (const record of containers) {
    for (const unit of unitsNamed(record, names)) yield [record, unit];
  }
}

function* unitsNamed(
  { systemd, users }: ContainerRecord,
  names: ReadonlySet<string>,
): Generator<UnitRecord, void, void> {
  for (const name of names) {
    const [manager, own] = splitPath(name);
    const user = userOf(manager);
    const unit =
      user === undefined
        ? systemd.units.get(systemd.names.idOf(name))
        : users.get(user)?.systemd.units.get(own);
    if (unit !== undefined && isKnown(unit)) yield unit;
  }
}

/** Divides the path of a unit of a user manager; a name without one has no manager. */
function splitPath(path: string): readonly [manager: string, unit: string] {
  const slash = path.indexOf("/");
  return slash < 0 ? ["", path] : [path.slice(0, slash), path.slice(slash + 1)];
}

function* selectedUnits(
  record: ContainerRecord,
  { failing, restarted }: UnitsInTrouble,
  { units: names, attention = false }: ReportSelection,
): Generator<UnitRecord, void, void> {
  if (names !== undefined) {
    yield* unitsNamed(record, names);
    return;
  }
  for (const unit of attention ? [...failing, ...restarted] : record.units()) {
    if (isReported(unit)) yield unit;
  }
}

/** A container's report without its units. */
export type ContainerFacts = Omit<ContainerReport, "units">;

/** The shown units of a container that need attention. */
interface UnitsInTrouble {
  readonly failing: readonly UnitRecord[];
  /** Those that restarted lately. */
  readonly restarted: readonly UnitRecord[];
  /** Number of the others that failed or restarted before. */
  readonly pastCount: number;
  readonly counts: TroubledUnits;
}

/** Finds the units that need attention. Yields now and then. */
export function* unitsInTrouble(
  record: ContainerRecord,
  nowNs: bigint,
): Generator<void, UnitsInTrouble, void> {
  const failing: UnitRecord[] = [];
  const restarted: UnitRecord[] = [];
  let visited = 0;
  let looping = 0;
  let frozen = 0;
  let pastCount = 0;
  for (const unit of record.units()) {
    visited += 1;
    if (visited % UNITS_READ_PER_STEP === 0) yield;
    if (!unit.shown) continue;
    if (unit.frozenState !== undefined) frozen += 1;
    const { activeState = null, subState } = unit;
    const recent = recentOf(unit, nowNs);
    const level = unitLevel({ activeState, subState, recent });
    if (level === "failing") failing.push(unit);
    else if (level === "warning") {
      restarted.push(unit);
      if (isLooping({ recent })) looping += 1;
    } else if (unit.hasCounters) pastCount += 1;
  }
  const counts = { failing: failing.length, restarted: restarted.length, looping, frozen };
  return { failing, restarted, pastCount, counts };
}

export function containerFacts(
  record: ContainerRecord,
  context: {
    readonly sources: ReportContext;
    readonly nowNs: bigint;
    readonly units: TroubledUnits;
  },
): ContainerFacts {
  const { sources, nowNs, units } = context;
  const { id, node, cluster, image, runtime, unknown = [] } = record.identity;
  const { recent } = record.counters;
  const { conditions } = record;
  const { lastEnd } = conditions;
  const isNode =
    sources.watchesSystemd(record.identity) && record.runsSystemd === true && record.alive;
  const facts = {
    name: eventContainer(record.identity),
    isHost: record.identity.isHost === true,
    id,
    node,
    cluster,
    image,
    runtime,
    ...(unknown.length > 0 && { unknown }),
    status: record.status,
    runsSystemd: record.runsSystemd === true,
    health: record.health ?? null,
    healthSince: record.health === undefined ? null : rfc3339(conditions.healthSinceNs),
    pausedSince: record.paused ? rfc3339(conditions.pausedSinceNs) : null,
    exitCode: record.lastExit?.exitCode ?? null,
    end: lastEnd === undefined ? null : { by: lastEnd.by, signal: lastEnd.signal ?? null },
    startFailed: record.startFailed,
    oomKilled: record.oom !== "none",
    lastOom: oomReport(record),
    memoryLimitBytes: conditions.memoryLimitBytes || null,
    recent: {
      restarts: recentCount(recent.restarts.within(nowNs)),
      failedExits: recentCount(recent.failedExits.within(nowNs)),
      oomKills: recentCount(recent.oomKills.within(nowNs)),
    },
    countingSince: rfc3339(record.counters.sinceNs),
    restarts: record.counters.restarts,
    starts: record.counters.starts,
    startedAt: rfc3339(record.startedAtNs),
    finishedAt: rfc3339(record.lastExit?.timeNs ?? 0n),
    removedAt: rfc3339(record.destroyedAtNs ?? 0n),
    systemd: isNode ? nodeReport(record, sources.lagOf(id)) : null,
  };
  return { ...facts, trouble: troubleOf(facts, units) };
}

function nodeReport(record: ContainerRecord, lagSeconds: number | undefined): SystemdReport {
  const report = systemdReport(record.systemd, lagSeconds);
  const running = [...record.users.values()].filter(({ isRunning }) => isRunning);
  if (running.length === 0) return report;
  const users = running.map(({ user, systemd }) =>
    Object.assign({ user }, systemdReport(systemd, undefined)),
  );
  return { ...report, users };
}

function systemdReport(systemd: SystemdState, lagSeconds: number | undefined): SystemdReport {
  const { up, transport, reconnects, manager, sinceNs } = systemd;
  const units: Record<string, number> = {};
  for (const [state, count] of systemd.units.counts()) if (count > 0) units[state] = count;
  return {
    up,
    transport: transport ?? null,
    since: up ? rfc3339(sinceNs) : null,
    reconnects,
    lagSeconds: lagSeconds ?? null,
    version: manager.version ?? null,
    state: manager.systemState ?? null,
    units,
  };
}

/** Returns true for a unit that reports include: shown by the filters, and loaded or with counters. */
export function isReported(unit: UnitRecord): boolean {
  return unit.shown && isKnown(unit);
}

function isKnown(unit: UnitRecord): boolean {
  return unit.activeState !== undefined || unit.hasCounters;
}
