import type {
  RecoveredMessage,
  ServiceEvidence,
  SystemdReply,
  SystemdTransport,
  UnitSignal,
} from "../../domain/systemd.ts";
import { foldEvidence } from "./fold-evidence.ts";
import { foldEntry } from "./fold-journal.ts";
import { foldLostFailures } from "./fold-lost-failures.ts";
import { foldLostLines } from "./fold-lost-lines.ts";
import { GapCounters } from "./gap-counts.ts";
import type { JournalCursor } from "./journal-cursor.ts";
import type { Fold, UnitOutcome } from "./unit-facts.ts";
import type { UnitRecord } from "./unit-record.ts";
import type { UnitTable } from "./unit-table.ts";

/**
 * Failures without a line that are counted at most in one gap, of all services: a container can number
 * its restarts as it likes.
 */
const MAX_LOST_IN_GAP = 20_000;

export interface GapUnits {
  readonly units: UnitTable;
  readonly cursor: JournalCursor;
  /** Returns the unit's record; undefined if there is no room for it. */
  readonly obtain: (name: string) => UnitRecord | undefined;
  readonly apply: (unit: UnitRecord, fold: Fold) => void;
}

/**
 * Closes one gap after the other: from the journal, and from the evidence of services that it is silent
 * about. The evidence of the others comes after the signals that were held back meanwhile, and shows
 * what the journal has lost.
 */
export class GapRecovery {
  readonly #evidence = new Map<string, ServiceEvidence>();
  readonly #counters = new GapCounters();
  readonly #gapUnits: GapUnits;
  /** False if the transport has no evidence. */
  #hasEvidence = false;
  /** True if the units of this systemd were listed. */
  #isListed = false;
  /** When the newest stream with a listing was opened: Unix nanoseconds. */
  #listedSinceNs = 0n;
  /** Missed failures that may still be counted in this gap. */
  #room = 0;

  constructor(gapUnits: GapUnits) {
    this.#gapUnits = gapUnits;
  }

  /** Begins a gap. Returns the services whose evidence is requested. */
  begin(transport: SystemdTransport): ReadonlyMap<string, bigint> {
    const { units } = this.#gapUnits;
    this.#hasEvidence = transport !== "busctl";
    this.#evidence.clear();
    this.#counters.begin(units, this.#isListed && this.#hasEvidence);
    this.#room = MAX_LOST_IN_GAP;
    return units.servicesToCompare();
  }

  /** Takes evidence. That from before the signals is used when the gap is closed. */
  take(evidence: ServiceEvidence): SystemdReply | undefined {
    if (!evidence.isAfterSignals) {
      this.#evidence.set(evidence.unit, evidence);
      return undefined;
    }
    const { units, cursor, apply } = this.#gapUnits;
    const unit = units.get(evidence.unit);
    const counts = this.#counters.get(evidence.unit);
    if (unit?.activeState === undefined || counts === undefined) return undefined;
    const gap = { counts, sinceNs: this.#listedSinceNs, room: this.#room };
    const fold = foldLostLines(unit.facts, evidence, gap);
    this.#takeRoom(fold);
    apply(unit, fold);
    if (fold.outcomes.length > 0) cursor.reached(evidence.stateChangeNs);
    if (counts.isNew) this.#counters.delete(evidence.unit);
    return { recoveredChanges: changesIn(fold) };
  }

  /** Outcomes of a unit are about to be counted. */
  count(unit: UnitRecord, outcomes: readonly UnitOutcome[]): void {
    this.#counters.count(unit, outcomes);
  }

  /**
   * Units were listed on the stream that was opened at `sinceNs`: no gap is left. Returns the services
   * that were loaded in it, whose evidence is requested.
   */
  listed(sinceNs: bigint): ReadonlyMap<string, bigint> {
    this.#listedSinceNs = sinceNs;
    this.#isListed = true;
    return this.#counters.close(this.#gapUnits.units);
  }

  /** systemd isn't running any more. */
  ended(): void {
    this.#isListed = false;
    this.#counters.clear();
  }

  /**
   * Closes the gap: counts what the journal's entries report, and what the evidence of other services
   * shows. What happened after the evidence, signals report.
   */
  close({ entries, settings = new Map() }: RecoveredMessage): SystemdReply {
    const { units, cursor, obtain, apply } = this.#gapUnits;
    const evidence = this.#evidence;
    const sinceNs = this.#listedSinceNs;
    let recoveredChanges = 0;
    for (const [name, { policy, restartDelayNs }] of [...settings, ...evidence]) {
      const unit = units.get(name);
      if (unit !== undefined) units.update(unit, { ...unit.facts, policy, restartDelayNs });
    }
    for (const entry of entries ?? []) {
      const unit = obtain(entry.unit);
      const fold =
        unit && foldEntry(unit.facts, entry, { baselineNs: cursor.baselineNs, room: this.#room });
      if (unit === undefined || fold === undefined) continue;
      recoveredChanges += fold.outcomes.length;
      if (entry.kind === "restart") this.#takeRoom(fold);
      apply(unit, fold);
      cursor.reached(entry.timeNs);
    }
    const unknownEnds = new Map<string, number>();
    for (const [name, known] of evidence) {
      const unit = units.get(name);
      if (unit?.activeState === undefined) continue;
      const fold = foldEvidence(unit.facts, known, { sinceNs, room: this.#room });
      this.#takeRoom(fold);
      recoveredChanges += changesIn(fold);
      if (fold.unknownEnds > 0) unknownEnds.set(name, fold.unknownEnds);
      apply(unit, fold);
      cursor.reached(known.stateChangeNs);
    }
    evidence.clear();
    const evidenceOf = entries === undefined ? new Map() : this.#counters.services();
    return { recoveredChanges, unknownEnds, evidenceOf };
  }

  /**
   * Counts what the first signal after the gap shows, and the journal lost, before the signal is folded in.
   * Evidence shows it exactly.
   */
  beforeSignal(unit: UnitRecord, signal: UnitSignal): void {
    const { cursor, apply } = this.#gapUnits;
    const { attachedAtNs } = cursor;
    if (this.#hasEvidence) return;
    const fold = foldLostFailures(unit, signal, { attachedAtNs, room: this.#room });
    if (fold === undefined) return;
    this.#takeRoom(fold);
    apply(unit, fold);
  }

  #takeRoom({ outcomes }: Fold): void {
    const failures = outcomes.filter(({ kind }) => kind === "failure").length;
    this.#room = Math.max(this.#room - failures, 0);
  }
}

function changesIn({ outcomes }: Fold): number {
  return outcomes.filter(({ kind }) => kind !== "transition").length;
}
