import type { ContainerIdentity } from "../../domain/container.ts";
import { EventKind } from "../../domain/event.ts";
import type { LabelSet } from "../../domain/label-set.ts";
import type {
  JournalEntry,
  ServiceSignal,
  SystemdMessage,
  SystemdReply,
  SystemdTransport,
  UnitSignal,
} from "../../domain/systemd.ts";
import type { UnitRow } from "../../domain/unit.ts";
import type { FleetEvents } from "../../domain/fleet-events.ts";
import { JournalCursor } from "./journal-cursor.ts";
import { ManagerState } from "./manager-state.ts";
import { beginsToWait, isNewEntry, isRepeated, unitEventKind } from "./unit-logic.ts";
import { systemChange, unitChange } from "./systemd-changes.ts";
import type { UnitFacts } from "./systemd-changes.ts";
import { FailureCounter } from "./failure-counter.ts";
import type { UnitRecord } from "./unit-record.ts";
import { UnitTable } from "./unit-table.ts";
import type { UnitAdmission } from "./unit-table.ts";

/** The systemd inside one container: its units, what they went through, and how it is watched. */
export class SystemdState {
  readonly units: UnitTable;
  /** How it is watched, or was last; undefined before the first attach. */
  transport: SystemdTransport | undefined = undefined;
  up = false;
  /** Since when the newest stream stands: Unix nanoseconds. */
  sinceNs = 0n;
  /** Streams opened again after one was lost. */
  reconnects = 0;
  /** Up to when all of its changes are known. */
  readonly journalCursor = new JournalCursor();
  /** What is true of systemd as a whole. */
  readonly manager: ManagerState;
  #listed = false;
  /** True until the first listing on a stream: what it shows was so before, or was missed. */
  #afterGap = true;
  /** Units that were loaded before the gap, and of which the start time was asked for after it. */
  #askedAfterGap = new Set<string>();
  readonly #identity: () => ContainerIdentity;
  readonly #events: FleetEvents;
  readonly #ledger = new FailureCounter((unit, facts) => this.#emit(unit, facts));

  constructor(
    identity: () => ContainerIdentity,
    events: FleetEvents,
    tables: { readonly admission: UnitAdmission; readonly labels: LabelSet },
  ) {
    this.#identity = identity;
    this.#events = events;
    this.units = new UnitTable(tables.admission, tables.labels);
    this.manager = new ManagerState(this.units, (facts) => {
      events.changed(systemChange(identity(), facts));
    });
  }

  /** Folds a message of a source into what is known. */
  take(message: SystemdMessage): SystemdReply | undefined {
    switch (message.kind) {
      case "unit":
        this.unit(message);
        return undefined;
      case "service":
        this.service(message);
        return undefined;
      case "removed":
        this.removed(message.unit, message.timeNs);
        return undefined;
      case "loaded":
        this.loaded(message.rows);
        return undefined;
      case "attached":
        return { journalSinceNs: this.attached(message.transport, message.atNs) };
      case "recovered":
        return { recoveredChanges: this.recovered(message.entries) };
      case "listed":
        return { startTimesOf: this.snapshot(message.rows, message.asOfNs) };
      case "start-time":
        this.startTime(message.unit, message.timeNs);
        return undefined;
      case "manager":
        this.manager.told(message);
        return undefined;
      case "parse-error":
        return undefined;
      default:
        return message satisfies never;
    }
  }

  /**
   * A stream stands: what happens from `atNs` on is told. Answers from when on the journal has to
   * tell what was missed; undefined where nothing was.
   */
  attached(transport: SystemdTransport, atNs: bigint): bigint | undefined {
    this.transport = transport;
    this.sinceNs = atNs;
    this.#afterGap = true;
    this.units.unlist();
    return this.journalCursor.attached(atNs);
  }

  lost(): void {
    this.up = false;
  }

  /** systemd isn't running any more: nothing that was known of its units is true. */
  ended(): void {
    this.up = false;
    this.manager.ended();
    this.units.unloadAll();
  }

  /**
   * What the journal tells of the time that nobody listened; undefined where it can't be had.
   * Returns how many changes had been missed.
   */
  recovered(entries: readonly JournalEntry[] | undefined): number {
    let missed = 0;
    for (const entry of entries ?? []) {
      const unit = this.#obtain(entry.unit);
      if (unit === undefined || !isNewEntry(unit, entry, this.journalCursor.baselineNs)) continue;
      missed += 1;
      if (entry.kind === "failure") this.#ledger.recoveredFailure(unit, entry);
      else this.#ledger.recoveredRestart(unit, entry);
      this.journalCursor.reached(entry.timeNs);
    }
    return missed;
  }

  /**
   * Folds in what ListUnits says: it is watched now. What is so already is no change. Returns the
   * units of which the start time isn't known.
   */
  snapshot(rows: readonly UnitRow[], asOfNs: bigint): readonly string[] {
    if (this.#listed && !this.up) this.reconnects += 1;
    this.#listed = true;
    this.up = true;
    const afterGap = this.#afterGap;
    this.#afterGap = false;
    if (afterGap) this.#askedAfterGap = this.units.activeAmong(rows);
    for (const row of rows) {
      if (afterGap) this.#findFailure(row, asOfNs);
      this.#row(row, asOfNs);
    }
    for (const unit of this.units.missingFrom(rows)) {
      if (unit.signalNs > asOfNs) continue;
      if (afterGap) this.units.unload(unit);
      else this.#remove(unit, asOfNs);
    }
    if (afterGap) this.units.retire(asOfNs);
    this.manager.unitsChanged(asOfNs);
    return this.units.startedAmong(rows, { unknownAlone: !afterGap });
  }

  /** A start time that was asked for. One that is another than before a gap tells of a start in it. */
  startTime(name: string, timeNs: bigint): void {
    const wasLoaded = this.#askedAfterGap.delete(name);
    const unit = this.units.get(name);
    if (unit?.activeState !== "active" || unit.activeEnterNs === timeNs) return;
    const isKnown = unit.activeEnterNs > 0n;
    unit.activeEnterNs = timeNs;
    if (!wasLoaded || !isKnown) return;
    unit.recoveredStartNs = timeNs;
    const detail = "ActiveState=active";
    this.#emit(unit, { kind: EventKind.UnitActive, timeNs, detail, recovered: true });
  }

  /** Units that were loaded just now: no signal told of them yet. */
  loaded(rows: readonly UnitRow[]): void {
    for (const row of rows) {
      if (this.units.get(row.name)?.activeState === undefined) this.#row(row, 0n);
    }
  }

  removed(name: string, timeNs: bigint): void {
    const unit = this.units.get(name);
    if (unit === undefined || unit.activeState === undefined) return;
    this.#remove(unit, timeNs);
    this.manager.unitsChanged(timeNs);
  }

  unit(signal: UnitSignal): void {
    const unit = this.#obtain(signal.unit);
    if (unit === undefined) return;
    const { activeState: previousState, subState: previousSub, stateChangeNs: changedNs } = unit;
    const underWatch = this.journalCursor.isUnderWatch(signal.stateChangeNs);
    const isRepeat = isRepeated(unit, signal);
    const changed = this.#isChange(unit, signal);
    const failedAgain =
      signal.activeState === "failed" &&
      changedNs > 0n &&
      signal.stateChangeNs > changedNs &&
      underWatch;
    this.#ledger.restartsTold(unit, signal, underWatch);
    const isSameRun = unit.invocationId === signal.invocationId;
    unit.signalNs = signal.timeNs;
    unit.stateChangeNs = signal.stateChangeNs;
    unit.signalState = signal.activeState;
    unit.activeEnterNs = signal.activeEnterNs;
    unit.invocationId = signal.invocationId;
    this.units.setState(unit, signal.activeState, signal.subState);
    this.journalCursor.reached(signal.stateChangeNs);
    // RestartMode=direct goes to auto-restart without ever being failed.
    const failedInPassing =
      !(previousState === "failed" && isSameRun) &&
      (unit.result ?? "success") !== "success" &&
      beginsToWait(unit, signal, { previousSub, changedNs, underWatch });
    const isNews = !isRepeat && (changed || failedAgain || failedInPassing);
    if (isNews && (signal.activeState === "failed" || failedInPassing)) {
      this.#ledger.failed(unit, signal, previousState);
    }
    this.#ledger.passed(unit, signal.stateChangeNs);
    if (!isNews) return;
    unit.fromSnapshot = false;
    if (changed && signal.activeState !== "failed") {
      this.#emit(unit, {
        kind: unitEventKind(signal.activeState),
        // A unit that was loaded anew never changed.
        timeNs: signal.stateChangeNs || signal.timeNs,
        previousState,
        detail: `ActiveState=${signal.activeState}`,
      });
    }
    this.manager.unitsChanged(signal.stateChangeNs);
  }

  service(signal: ServiceSignal): void {
    this.#obtain(signal.unit)?.takeService(signal);
  }

  /**
   * Repeated signals with the same values are the rule, so a change is another ActiveState than the
   * known one. Where a snapshot alone gave that, or nothing did, the signal's own time tells
   * whether it happened under watch.
   */
  #isChange(unit: UnitRecord, signal: UnitSignal): boolean {
    if (unit.activeState !== undefined && unit.activeState !== signal.activeState) return true;
    if (unit.activeState !== undefined && !unit.fromSnapshot) return false;
    const { activeState, activeEnterNs, stateChangeNs } = signal;
    // Another sub state, such as a socket's on each connection, is a state change to systemd too.
    const isEnterTold = activeState === "active" && activeEnterNs > 0n;
    if (isEnterTold && activeEnterNs === unit.recoveredStartNs) return false;
    return this.journalCursor.isUnderWatch(isEnterTold ? activeEnterNs : stateChangeNs);
  }

  #row(row: UnitRow, asOfNs: bigint): void {
    const unit = this.#obtain(row.name);
    if (unit === undefined || (asOfNs > 0n && unit.signalNs > asOfNs)) return;
    const { activeState: before } = unit;
    if (before !== row.activeState) unit.fromSnapshot = true;
    unit.isListed = true;
    this.units.setState(unit, row.activeState, row.subState);
    this.#ledger.settled(unit, asOfNs, (timeNs) => this.journalCursor.isUnderWatch(timeNs));
  }

  /** A unit that is failed and wasn't before a gap failed in it, whether the journal tells that or not. */
  #findFailure(row: UnitRow, asOfNs: bigint): void {
    const unit = this.units.get(row.name);
    if (unit === undefined || row.activeState !== "failed" || unit.signalNs > asOfNs) return;
    if (unit.activeState === undefined || unit.activeState === "failed") return;
    if (unit.lastFailure !== undefined && unit.lastFailure.timeNs >= unit.stateChangeNs) return;
    const { invocationId } = unit;
    this.#ledger.recoveredFailure(unit, { result: undefined, invocationId, timeNs: asOfNs });
  }

  #remove(unit: UnitRecord, timeNs: bigint): void {
    const previousState = unit.activeState;
    this.units.remove(unit, timeNs);
    this.#emit(unit, { kind: EventKind.UnitRemoved, timeNs, detail: "", previousState });
  }

  #obtain(name: string): UnitRecord | undefined {
    const unit = this.units.obtain(name);
    if (unit === undefined) this.#events.refused("unit_table");
    return unit;
  }

  #emit(unit: UnitRecord, facts: UnitFacts): void {
    if (unit.shown) this.#events.changed(unitChange(this.#identity(), unit, facts));
  }
}
