/*
 * state/units: the units of one container's systemd, and what is counted of them.
 *
 * A message goes through one pure fold: fold-signal.ts for signals, fold-listing.ts for ListUnits and
 * start times; for a gap fold-journal.ts, fold-evidence.ts and fold-lost-*.ts, by gap-recovery.ts. A fold
 * takes a unit's facts (unit-facts.ts) and the message, and returns the next facts and what has happened.
 * It reads no clock, calls nothing back and changes nothing. SystemdState applies it: it replaces the
 * facts in the UnitTable, adds the outcomes to the unit's counters (unit-counters.ts, the one place that
 * counts), and emits a change for each (systemd-changes.ts).
 *
 * What counts, by message and by what is known of the unit:
 *
 *   message                       known of the unit                               counts
 *   ----------------------------  ----------------------------------------------  ----------------
 *   Unit signal, "failed"         another ActiveState                             1 failure
 *                                 "failed", entered again under watch             1 failure
 *                                 nothing, or a listing alone: entered
 *                                 under watch / before the stream                 1 failure / none
 *   Unit signal, "auto-restart",  not waiting for a restart, not failed in the
 *     Result other than success     same run (RestartMode=direct)                 1 failure
 *   Unit signal, other state      another ActiveState                             transition
 *   Unit signal, any of these     the newest signal reported this very change     none
 *                                 the journal reported this very failure          no failure
 *   Service signal, NRestarts n,  n > last NRestarts                              the difference
 *     then its Unit signal        n < last NRestarts (set back to 0)              n restarts
 *                                 reset-failed during the wait                    n restarts
 *                                 last NRestarts unknown or n: a new wait         1 restart
 *                                 last NRestarts unknown: no wait                 none
 *                                 the journal reported restart n                  none
 *   journal entry                 newer than the baseline and than the last       1 failure or
 *                                   failure or restart that was counted             restart, recovered
 *   journal entry, restart n      n > last NRestarts + 1: lines were lost         what is between
 *   first signal, by busctl       more restarts than ends of runs are known       the failures
 *   evidence after a gap          more restarts, or ends of runs, than are known  the difference
 *   listing after a gap, "failed" loaded, not "failed" and no failure counted
 *                                   since its last state change                   1 failure, recovered
 *   listing after a gap           other state, or not listed any more             none
 *   later listing                 not listed any more                             removal
 *   start time after a gap        active before and after, other, no restart      start, recovered
 *   removed                       loaded                                          removal
 *   OOMKills n of a run           n > last n and than its failures by oom-kill    the difference, as
 *                                                                                   OOM kills
 *   manager                       another begin of the userspace, higher count    soft reboots
 *   listing, "not-found"          loaded, and no gap before the listing           removal
 *   any message, "not-found"      nothing, or "not-found"                         none
 *
 * "Under watch" means since the stream was opened. What happened before is no change, but a gap
 * is closed by the journal, which loses lines; where it is silent, by evidence of services and the listing.
 * "Recovered" marks what was missed when it happened.
 *
 * Always true: each failure and each restart counts once, whichever message reports it first, and in
 * whatever order a cut stream, the journal and a listing report it (test/state/units). Counters
 * outlive the container's runs, and a unit's removal for the retention. Units and series have bounds.
 *
 * May import: domain/, platform/data/.
 */
import type { ContainerIdentity } from "../../domain/container.ts";
import type { FleetEvents } from "../../domain/fleet-events.ts";
import type {
  AttachedMessage,
  ListedMessage,
  LoadedMessage,
  ManagerFacts,
  OomKillsMessage,
  RemovedMessage,
  ServiceSignal,
  StartTimeMessage,
  SystemdMessage,
  SystemdReply,
  SystemdTransport,
  UnitIds,
  UnitSignal,
} from "../../domain/systemd.ts";
import type { UnitRow } from "../../domain/unit.ts";
import { foldRow, foldStartTime } from "./fold-listing.ts";
import type { Listing } from "./fold-listing.ts";
import { foldService, foldSignal } from "./fold-signal.ts";
import { GapRecovery } from "./gap-recovery.ts";
import { JournalCursor } from "./journal-cursor.ts";
import { ManagerState } from "./manager-state.ts";
import type { SystemTransition } from "./manager-state.ts";
import { isStart, NotFoundUnits } from "./not-found-units.ts";
import { queriesAfter } from "./signal-queries.ts";
import { softRebootChange, systemChange, unitChanges } from "./systemd-changes.ts";
import { NO_PENDING } from "./unit-facts.ts";
import type { Fold, UnitOutcome } from "./unit-facts.ts";
import type { UnitRecord } from "./unit-record.ts";
import { UnitNames } from "./unit-names.ts";
import { type SystemdTables, UnitTable } from "./unit-table.ts";

/** One systemd of a container: its units, what they went through, and how it is watched. */
export class SystemdState {
  readonly units: UnitTable;
  /** Units that a command asks for by name. */
  readonly names: UnitNames;
  /** How it is watched, or was last; undefined before the first attach. */
  transport: SystemdTransport | undefined = undefined;
  up = false;
  /** When the newest stream was opened: Unix nanoseconds. */
  sinceNs = 0n;
  /** Streams opened again after one was lost. */
  reconnects = 0;
  /** Up to when all of its changes are known. */
  readonly journalCursor = new JournalCursor();
  /** State of systemd as a whole. */
  readonly manager = new ManagerState();
  #wasListed = false;
  /** True until the first listing on a stream: what it shows was so before, or was missed. */
  #afterGap = true;
  readonly #notFound = new NotFoundUnits();
  /** Units that were loaded before the gap, and whose start time was queried after it. */
  #queriedAfterGap = new Set<string>();
  readonly #gap: GapRecovery;
  readonly #softRebooted: () => void;
  readonly #identity: () => ContainerIdentity;
  readonly #events: FleetEvents;

  constructor(identity: () => ContainerIdentity, events: FleetEvents, tables: SystemdTables) {
    this.#softRebooted = tables.softRebooted;
    this.#identity = identity;
    this.#events = events;
    this.names = new UnitNames(tables.admission.names ?? []);
    this.units = new UnitTable(tables.admission, tables.labels, tables);
    const { units, journalCursor: cursor } = this;
    this.#gap = new GapRecovery({ units, cursor, obtain: this.#obtain, apply: this.#apply });
  }

  /** Folds one message of a source into the facts, and emits what has happened. */
  take(message: SystemdMessage): SystemdReply | undefined {
    switch (message.kind) {
      case "unit":
        return this.#unitSignal(message);
      case "service":
        this.#serviceSignal(message);
        return undefined;
      case "attached":
        return this.#attached(message);
      case "evidence":
        return this.#gap.take(message);
      case "restart-count":
        this.units.setRestartCount(message);
        return undefined;
      case "recovered":
        return this.#gap.close(message);
      case "listed":
        return {
          startTimesOf: this.#listing(message),
          evidenceOf: this.#gap.listed(this.sinceNs),
          oomKillsOf: this.units.runningServices(),
          restartCountsOf: this.units.shownServices(),
        };
      case "start-time":
        this.#startTime(message);
        return undefined;
      case "frozen":
        this.units.setFrozenState(message);
        return undefined;
      case "oom-kills":
        this.#oomKills(message);
        return undefined;
      case "loaded":
        this.#loaded(message);
        return undefined;
      case "removed":
        this.#removed(message);
        return undefined;
      case "manager":
        this.#managerFacts(message);
        return undefined;
      case "moved":
        this.transport = message.transport;
        return undefined;
      case "silence":
        this.up = !message.isActive;
        return undefined;
      case "parse-error":
        return undefined;
      default:
        return message satisfies never;
    }
  }

  /** The stream ended: nothing more comes until the next `attached`. */
  lost(): void {
    this.up = false;
  }

  /** systemd isn't running any more: nothing that was known of its units is true. */
  ended(): void {
    this.up = false;
    this.manager.ended();
    this.units.unloadAll();
    this.#notFound.clear();
    this.#gap.ended();
  }

  /** Returns the start of the journal's entries that close the gap, and what else is requested. */
  #attached({ transport, atNs }: AttachedMessage): SystemdReply {
    this.transport = transport;
    this.sinceNs = atNs;
    this.#afterGap = true;
    const { wanted } = this.names;
    const evidenceOf = this.#gap.begin(transport);
    this.units.unlist();
    return {
      journalSinceNs: this.journalCursor.attached(atNs),
      evidenceOf,
      ...(wanted.length === 0 ? {} : { unitNames: wanted }),
    };
  }

  /** Returns the units whose start time is to be queried. */
  #listing({ rows, asOfNs, ids }: ListedMessage): readonly string[] {
    this.#resolved(ids);
    if (this.#wasListed && !this.up) this.reconnects += 1;
    this.#wasListed = true;
    this.up = true;
    const afterGap = this.#afterGap;
    this.#afterGap = false;
    if (afterGap) this.#queriedAfterGap = this.units.activeAmong(rows);
    this.#notFound.clear();
    for (const row of rows) {
      if (row.loadFault === "not-found") this.#notFoundRow(row, { asOfNs, afterGap });
      else this.#row(row, asOfNs, afterGap);
    }
    for (const unit of this.units.missingFrom(rows)) {
      if (unit.facts.signalNs > asOfNs) continue;
      if (afterGap) this.units.unload(unit);
      else this.#remove(unit, asOfNs);
    }
    if (afterGap) this.units.retire(asOfNs);
    this.#derive(asOfNs);
    return this.units.startedAmong(rows, { unknownAlone: !afterGap });
  }

  #startTime({ unit: name, timeNs }: StartTimeMessage): void {
    const wasLoaded = this.#queriedAfterGap.delete(name);
    const unit = this.units.get(name);
    const fold = unit && foldStartTime(unit.facts, timeNs, wasLoaded);
    if (unit !== undefined && fold !== undefined) this.#apply(unit, fold);
  }

  /** The state of a unit that a signal reported already is known better than from its row. */
  #loaded({ rows, ids }: LoadedMessage): void {
    this.#resolved(ids);
    for (const row of rows) {
      const unit = this.units.get(row.name);
      if (row.loadFault === "not-found") this.#notFoundRow(row, { asOfNs: 0n, afterGap: false });
      else if (unit?.activeState === undefined) this.#row(row, 0n, false);
      else this.units.setLoadFault(unit, row.loadFault);
    }
  }

  /** A unit that was loaded, and isn't found any more, is gone: its file was deleted. */
  #notFoundRow(row: UnitRow, listing: Pick<Listing, "asOfNs" | "afterGap">): void {
    const { asOfNs, afterGap } = listing;
    const unit = this.units.get(row.name);
    if (unit?.activeState !== undefined) {
      const { facts } = unit;
      // A unit that started since was loaded since.
      const isNewer = asOfNs > 0n && facts.signalNs > asOfNs;
      if (isNewer && isStart(row.activeState, facts)) return;
      const timeNs = asOfNs > facts.signalNs ? asOfNs : facts.signalNs;
      if (afterGap) this.units.unload(unit);
      else if (facts.isListed) this.#remove(unit, timeNs);
      // Its signals came before its first row: it never was a unit.
      else this.units.remove(unit, timeNs);
    }
    if (!this.#notFound.set(row.name, row.activeState)) this.#events.refused("unit_table");
  }

  #removed({ unit: name, timeNs }: RemovedMessage): void {
    const unit = this.units.get(name);
    if (unit !== undefined && unit.activeState !== undefined) this.#remove(unit, timeNs);
    else if (!this.#notFound.delete(name)) return;
    this.#derive(timeNs);
  }

  #unitSignal(signal: UnitSignal): SystemdReply | undefined {
    const known = this.units.get(signal.unit);
    if (this.#isNotFound(known, signal.unit) && !this.#notFound.isFoundBy(signal)) {
      this.#derive(signal.stateChangeNs);
      return { rowOf: signal.unit };
    }
    const unit = known ?? this.#obtain(signal.unit);
    if (unit === undefined) return undefined;
    if (unit.activeState === undefined) this.names.loaded(unit.name);
    this.#gap.beforeSignal(unit, signal);
    const fold = foldSignal(unit, signal, this.journalCursor.attachedAtNs);
    unit.pending = NO_PENDING;
    unit.frozenState = signal.frozenState;
    this.journalCursor.reached(signal.stateChangeNs);
    this.#apply(unit, fold);
    if (signal.hasJob !== undefined) return this.#shutdownSignal(signal);
    if (fold.isChange) this.#derive(signal.stateChangeNs);
    return queriesAfter(unit, fold);
  }

  #oomKills({ unit: name, count }: OomKillsMessage): void {
    const unit = this.units.get(name);
    if (unit?.activeState === undefined) return;
    this.units.countOomKills(unit, count, this.journalCursor.baselineNs);
  }

  /** The job of shutdown.target has no time of its own: it changes at the signal. */
  #shutdownSignal(signal: UnitSignal): SystemdReply | undefined {
    const outcome = this.manager.shutdownChanged(signal, signal.timeNs);
    if (outcome === "cancelled") return { managerState: true };
    this.#enter(outcome);
    return undefined;
  }

  /** True for a unit that isn't found; `known` is its record, if its counters left one. */
  #isNotFound(known: UnitRecord | undefined, name: string): boolean {
    return known?.activeState === undefined && this.#notFound.has(name);
  }

  #serviceSignal(signal: ServiceSignal): void {
    const known = this.units.get(signal.unit);
    if (this.#isNotFound(known, signal.unit)) return;
    const unit = known ?? this.#obtain(signal.unit);
    if (unit === undefined) return;
    const { facts, pending } = foldService(unit, signal);
    unit.pending = pending;
    this.units.update(unit, facts);
  }

  #row(row: UnitRow, asOfNs: bigint, afterGap: boolean): void {
    const unit = this.#obtain(row.name);
    if (unit === undefined) return;
    this.#notFound.delete(row.name);
    unit.loadFault = row.loadFault;
    const { attachedAtNs } = this.journalCursor;
    this.#apply(unit, foldRow(unit.facts, row, { asOfNs, attachedAtNs, afterGap }));
  }

  #remove(unit: UnitRecord, timeNs: bigint): void {
    const { activeState: previousState } = unit;
    this.units.remove(unit, timeNs);
    const { activeState, subState } = unit;
    const state = { activeState, subState, previousState };
    this.#happened(unit, { kind: "removal", timeNs, ...state, recovered: false });
  }

  readonly #obtain = (name: string): UnitRecord | undefined => {
    const unit = this.units.obtain(name);
    if (unit === undefined) this.#events.refused("unit_table");
    return unit;
  };

  readonly #apply = (unit: UnitRecord, { facts, outcomes }: Fold): void => {
    this.#gap.count(unit, outcomes);
    this.units.update(unit, facts);
    for (const outcome of outcomes) this.#happened(unit, outcome);
  };

  #happened(unit: UnitRecord, outcome: UnitOutcome): void {
    this.units.count(unit, outcome);
    if (unit.shown || this.names.aliasesOf(unit.name).length > 0) this.#publish(unit.name, outcome);
    else if (!this.names.hold(unit.name, outcome)) this.#events.refused("unit_names");
  }

  #resolved(ids: UnitIds | undefined): void {
    if (ids === undefined) return;
    for (const { unit, outcome } of this.names.resolved(ids)) this.#publish(unit, outcome);
  }

  #publish(unit: string, outcome: UnitOutcome): void {
    for (const change of unitChanges(this.#identity(), unit, outcome)) {
      this.#events.changed(change);
    }
  }

  #managerFacts(facts: ManagerFacts): void {
    // A user manager has another begin after each login.
    const isUsers = this.#identity().user !== undefined;
    const { baselineNs } = this.journalCursor;
    for (const reboot of isUsers ? [] : this.manager.softReboots(facts, baselineNs)) {
      this.#softRebooted();
      this.journalCursor.reached(reboot.timeNs);
      this.#events.changed(softRebootChange(this.#identity(), reboot));
    }
    this.#enter(this.manager.take(facts));
  }

  /** Units changed at `timeNs`: the state of systemd as a whole follows. */
  #derive(timeNs: bigint): void {
    this.#enter(this.manager.unitsChanged(this.units, this.#notFound.failed, timeNs));
  }

  #enter(transition: SystemTransition | undefined): void {
    if (transition !== undefined) {
      this.#events.changed(systemChange(this.#identity(), transition));
    }
  }
}
