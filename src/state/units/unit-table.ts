import type { LabelSet } from "../../domain/label-set.ts";
import { seriesOfUnit } from "../../domain/readings.ts";
import type { FrozenMessage, RestartCountMessage } from "../../domain/systemd.ts";
import { type ActiveState, type LoadFault, type UnitRow, unitType } from "../../domain/unit.ts";
import { extraKeys, fitExtras } from "./extra-series.ts";
import { RecentUnits } from "./recent-units.ts";
import type { UnitAdmission } from "./unit-admission.ts";
import { isAutoRestart, NO_PENDING, setBack, unlisted, unloaded } from "./unit-facts.ts";
import type { UnitFacts, UnitOutcome } from "./unit-facts.ts";
import { UnitRecord } from "./unit-record.ts";

/**
 * Series that are taken for each unit, without readings: its states, the start time, and for its first
 * failure the failures of one result and the time. What more it shows is extra.
 */
const UNIT_SERIES = 8;
/** The restarts. */
const SERVICE_SERIES = 1;

/** Most units of one container; those past it are refused and counted by the caller. */
export const MAX_UNITS_PER_CONTAINER = 50_000;

/** Room for the units of one container, with those of its user managers. */
export class UnitRoom {
  #taken = 0;

  /** Takes room for one unit; returns false if there is none. */
  take(): boolean {
    if (this.#taken >= MAX_UNITS_PER_CONTAINER) return false;
    this.#taken += 1;
    return true;
  }

  give(): void {
    this.#taken -= 1;
  }
}

/** Bounds and labels of one systemd. */
export interface SystemdTables {
  readonly admission: UnitAdmission;
  readonly labels: LabelSet;
  /** User id of a user manager. Default: it is the system's. */
  readonly user?: string | undefined;
  /** Counts a soft reboot, beyond the life of this container. */
  readonly softRebooted: () => void;
  /** Shared with the other systemds of the container. Default: its own. */
  readonly room?: UnitRoom | undefined;
}

/** Holds the units of one systemd of a container, and how many are in each ActiveState. */
export class UnitTable {
  readonly #units = new Map<string, UnitRecord>();
  readonly #counts = new Map<ActiveState, number>();
  /** Cached; undefined since one of them was added or forgotten. */
  #withSeries: readonly UnitRecord[] | undefined;
  /** Their recent events, for the next process. */
  readonly recent: RecentUnits;
  readonly #admission: UnitAdmission;
  readonly #room: UnitRoom;
  readonly #user: string | undefined;
  #labels: LabelSet;

  constructor(
    admission: UnitAdmission,
    containerLabels: LabelSet,
    { room = new UnitRoom(), user }: Pick<SystemdTables, "room" | "user"> = {},
  ) {
    this.#admission = admission;
    this.#room = room;
    this.#user = user;
    this.recent = new RecentUnits(admission.series.nowNs);
    this.#labels = containerLabels;
  }

  get size(): number {
    return this.#units.size;
  }

  /** Every known unit, hidden ones too. */
  values(): Iterable<UnitRecord> {
    return this.#units.values();
  }

  /** The units that have series: an array that doesn't change, but is replaced. */
  get withSeries(): readonly UnitRecord[] {
    return (this.#withSeries ??= [...this.#units.values()].filter(({ hasSeries }) => hasSeries));
  }

  get(name: string): UnitRecord | undefined {
    return this.#units.get(name);
  }

  /** Returns the unit's record, a new one if needed; undefined if the table is full. */
  obtain(name: string): UnitRecord | undefined {
    const known = this.#units.get(name);
    if (known !== undefined) return known;
    if (!this.#room.take()) return undefined;
    const shown = this.#admission.shown(name);
    const hasSeries = shown && this.#admission.series.take(this.#seriesOf(unitType(name)));
    const sinceNs = this.#admission.series.nowNs();
    const made = new UnitRecord(
      name,
      { shown, hasSeries, sinceNs, user: this.#user },
      this.#labels,
    );
    this.#units.set(name, made);
    this.#withSeries = undefined;
    this.recent.obtained(made);
    return made;
  }

  /** Units in each state, hidden ones too. */
  counts(): ReadonlyMap<ActiveState, number> {
    return this.#counts;
  }

  /** Replaces a unit's facts and keeps the counts right. */
  update(unit: UnitRecord, facts: UnitFacts): void {
    const { activeState: before } = unit;
    const { activeState } = facts;
    unit.facts = facts;
    unit.isReadingDue = true;
    this.#fit(unit);
    if (before === activeState) return;
    if (before !== undefined) this.#count(before, -1);
    if (activeState === undefined) return;
    this.#count(activeState, 1);
    unit.removedAtNs = undefined;
  }

  /** Adds what an outcome counts. */
  count(unit: UnitRecord, outcome: UnitOutcome): void {
    unit.counters.count(outcome, this.#admission.series.nowNs());
    if (outcome.kind !== "failure" && outcome.kind !== "restart") return;
    this.recent.counted(unit);
    this.#fit(unit);
  }

  /** Adds what OOMKills of its present or last run shows, when counting began at `baselineNs`. */
  countOomKills(unit: UnitRecord, kills: number, baselineNs: bigint): void {
    unit.countOomKills(kills, baselineNs);
    this.#fit(unit);
  }

  /** Clears the state of a unit that is no longer loaded. Its counters stay. */
  unload(unit: UnitRecord): void {
    unit.pending = NO_PENDING;
    unit.loadFault = undefined;
    unit.frozenState = undefined;
    unit.reading = undefined;
    this.update(unit, unloaded(unit.facts));
    if (!unit.hasCounters) this.#forget(unit);
  }

  /** Unloads a unit that systemd removed; its counters are forgotten after the retention. */
  remove(unit: UnitRecord, timeNs: bigint): void {
    unit.removedAtNs = timeNs;
    this.unload(unit);
  }

  /**
   * Names of the listed units that are active and have series.
   *
   * @param options with `unknownAlone`, only those whose start time is unknown
   */
  startedAmong(rows: readonly UnitRow[], options: { readonly unknownAlone: boolean }): string[] {
    return rows
      .filter(({ name, activeState }) => {
        const unit = this.#units.get(name);
        if (activeState !== "active" || unit?.hasSeries !== true) return false;
        return !options.unknownAlone || unit.activeEnterNs === 0n;
      })
      .map(({ name }) => name);
  }

  /** Names of the services that run, and have series. */
  runningServices(): string[] {
    const names: string[] = [];
    for (const { name, type, activeState, hasSeries } of this.#units.values()) {
      if (type === "service" && activeState === "active" && hasSeries) names.push(name);
    }
    return names;
  }

  /**
   * Loaded services that are shown, each with the StateChangeTimestamp that shows that nothing was
   * missed; 0n if none does: NRestarts can rise within a wait for a restart.
   */
  servicesToCompare(): Map<string, bigint> {
    const services = new Map<string, bigint>();
    for (const { name, type, shown, facts } of this.#units.values()) {
      if (type !== "service" || !shown || facts.activeState === undefined) continue;
      services.set(name, isAutoRestart(facts.subState) ? 0n : facts.stateChangeNs);
    }
    return services;
  }

  /** Names of shown services. A reload can change their Restart=. */
  shownServices(): string[] {
    return [...this.#units.values()]
      .filter(({ type, shown, activeState }) => {
        return type === "service" && shown && activeState !== undefined;
      })
      .map(({ name }) => name);
  }

  /** A count that a signal or evidence has reported is newer. */
  setRestartCount({ unit: name, restarts, policy, restartDelayNs }: RestartCountMessage): void {
    const unit = this.#units.get(name);
    if (unit?.activeState === undefined) return;
    const { restartsSeen = restarts } = unit.facts;
    this.update(unit, { ...unit.facts, restartsSeen, policy, restartDelayNs });
  }

  setFrozenState({ unit: name, frozenState }: FrozenMessage): void {
    const unit = this.#units.get(name);
    if (unit?.activeState === undefined) return;
    unit.frozenState = frozenState;
    this.#fit(unit);
  }

  setLoadFault(unit: UnitRecord, loadFault: LoadFault | undefined): void {
    unit.loadFault = loadFault;
    this.#fit(unit);
  }

  /** Begins a new stream: nothing was listed on it yet. */
  unlist(): void {
    for (const unit of this.#units.values()) this.update(unit, unlisted(unit.facts));
  }

  /** Follows a clock that was set back: no time is later than `knownNs`. */
  setBack(knownNs: bigint): void {
    for (const unit of this.#units.values()) {
      this.update(unit, setBack(unit.facts, knownNs));
      if ((unit.removedAtNs ?? 0n) > knownNs) unit.removedAtNs = knownNs;
    }
  }

  /** Lets the retention of units that a complete listing lacks begin. */
  retire(timeNs: bigint): void {
    for (const unit of this.#units.values()) {
      if (unit.activeState === undefined) unit.removedAtNs ??= timeNs;
    }
  }

  /** Forgets units that were removed before `beforeNs`. */
  forgetRemoved(beforeNs: bigint): void {
    for (const unit of this.#units.values()) {
      if (unit.removedAtNs !== undefined && unit.removedAtNs < beforeNs) this.#forget(unit);
    }
  }

  /** Forgets all units and releases their series. */
  forgetAll(): void {
    for (const unit of this.#units.values()) this.#forget(unit);
  }

  /** Units with a failure or restart that was counted. */
  counted(): UnitRecord[] {
    return [...this.#units.values()].filter((unit) => unit.hasCounters);
  }

  /** Continues the counters of the units in an earlier container with the same name. */
  inherit(counted: readonly UnitRecord[]): void {
    for (const old of counted) {
      const unit = this.obtain(old.name);
      if (unit === undefined) continue;
      unit.inherit(old, this.#labels);
      this.recent.counted(unit);
      this.#fit(unit);
    }
  }

  /** Begins counters of their own for all units: another container continues those that they had. */
  renewCounters(containerLabels: LabelSet): void {
    const sinceNs = this.#admission.series.nowNs();
    for (const unit of this.#units.values()) {
      unit.renewCounters(sinceNs);
      this.#fit(unit);
    }
    this.recent.renew();
    this.relabel(containerLabels);
  }

  /** Unloads all units: systemd isn't running. Counters stay. */
  unloadAll(): void {
    for (const unit of this.#units.values()) this.unload(unit);
  }

  /** Adopts new labels of the container. */
  relabel(containerLabels: LabelSet): void {
    this.#labels = containerLabels;
    for (const unit of this.#units.values()) unit.relabel(containerLabels);
  }

  /** Names of the listed units that are active, and that were loaded before the listing. */
  activeAmong(rows: readonly UnitRow[]): Set<string> {
    const names = new Set<string>();
    for (const { name, activeState } of rows) {
      if (activeState === "active" && this.get(name)?.activeState !== undefined) names.add(name);
    }
    return names;
  }

  /** Loaded units that a complete listing lacks. */
  missingFrom(rows: readonly UnitRow[]): UnitRecord[] {
    const listed = new Set(rows.map((row) => row.name));
    return [...this.#units.values()].filter(
      (unit) => unit.activeState !== undefined && !listed.has(unit.name),
    );
  }

  #forget(unit: UnitRecord): void {
    if (this.#units.delete(unit.name)) this.#room.give();
    this.#withSeries = undefined;
    this.recent.forgotten(unit);
    if (!unit.hasSeries) return;
    const { series } = this.#admission;
    series.give(this.#seriesOf(unit.type));
    unit.extras = fitExtras([], unit.extras, series);
  }

  /** Takes room for what the unit shows now beside that, and releases what it shows no more. */
  #fit(unit: UnitRecord): void {
    if (!unit.hasSeries || this.#units.get(unit.name) !== unit) return;
    unit.extras = fitExtras(extraKeys(unit), unit.extras, this.#admission.series);
  }

  #seriesOf(type: string): number {
    const own = type === "service" ? UNIT_SERIES + SERVICE_SERIES : UNIT_SERIES;
    return own + seriesOfUnit(type, this.#admission.series.groups);
  }

  #count(state: ActiveState, by: 1 | -1): void {
    this.#counts.set(state, (this.#counts.get(state) ?? 0) + by);
  }
}
