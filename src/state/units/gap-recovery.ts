import type {
  JournalEntry,
  ServiceEvidence,
  SystemdReply,
  UnitSignal,
} from "../../domain/systemd.ts";
import { foldEvidence } from "./fold-evidence.ts";
import { foldEntry } from "./fold-journal.ts";
import { foldLostFailures } from "./fold-lost-failures.ts";
import type { JournalCursor } from "./journal-cursor.ts";
import type { Fold } from "./unit-facts.ts";
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

/** Closes one gap after the other: from the journal, and from the evidence of services that it is silent about. */
export class GapRecovery {
  readonly #evidence = new Map<string, ServiceEvidence>();
  /** When the newest stream with a listing was opened: Unix nanoseconds. */
  #listedSinceNs = 0n;
  /** Missed failures that may still be counted in this gap. */
  #room = 0;

  /** Begins a gap. Returns the services whose evidence is requested. */
  begin(units: UnitTable): ReadonlyMap<string, bigint> {
    this.#evidence.clear();
    this.#room = MAX_LOST_IN_GAP;
    return units.servicesToCompare();
  }

  take(evidence: ServiceEvidence): void {
    this.#evidence.set(evidence.unit, evidence);
  }

  /** Units were listed on the stream that was opened at `sinceNs`. */
  listed(sinceNs: bigint): void {
    this.#listedSinceNs = sinceNs;
  }

  /**
   * Closes the gap: counts what the journal's entries report, and what the evidence of other services
   * shows. What happened after the evidence, signals report.
   *
   * @param entries undefined if the journal is unavailable
   */
  close(entries: readonly JournalEntry[] | undefined, gapUnits: GapUnits): SystemdReply {
    const { units, cursor, obtain, apply } = gapUnits;
    const evidence = this.#evidence;
    const sinceNs = this.#listedSinceNs;
    let recoveredChanges = 0;
    for (const [name, { policy }] of evidence) {
      const unit = units.get(name);
      if (unit !== undefined) units.update(unit, { ...unit.facts, policy });
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
      recoveredChanges += fold.outcomes.filter(({ kind }) => kind !== "transition").length;
      if (fold.unknownEnds > 0) unknownEnds.set(name, fold.unknownEnds);
      apply(unit, fold);
      cursor.reached(known.stateChangeNs);
    }
    evidence.clear();
    return { recoveredChanges, unknownEnds };
  }

  /** Counts what the first signal after the gap shows, and the journal lost, before the signal is folded in. */
  beforeSignal(unit: UnitRecord, signal: UnitSignal, { cursor, apply }: GapUnits): void {
    const { attachedAtNs } = cursor;
    if (unit.facts.signalNs >= attachedAtNs) return;
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
