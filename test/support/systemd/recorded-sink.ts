import type {
  JournalEntry,
  ManagerFacts,
  ServiceSignal,
  SystemdSink,
  SystemdTransport,
  UnitSignal,
} from "../../../src/domain/systemd.ts";
import type { UnitRow } from "../../../src/domain/unit.ts";

/** Writes down what a systemd source tells. */
export class RecordedSink implements SystemdSink {
  /** One line a call, in order. */
  readonly history: string[];
  readonly units: UnitSignal[] = [];
  readonly services: ServiceSignal[] = [];
  readonly facts: ManagerFacts[] = [];
  readonly entries: (readonly JournalEntry[] | undefined)[] = [];
  /** Latest state of each unit that was listed or loaded: `active/running`. */
  readonly rows = new Map<string, string>();
  readonly startTimes = new Map<string, bigint>();
  /** Answers of `attached` and `snapshot`. */
  sinceNs: bigint | undefined = undefined;
  wanted: readonly string[] = [];

  /** @param history to write to, where others write too */
  constructor(history: string[] = []) {
    this.history = history;
  }

  attached(transport: SystemdTransport, _atNs: bigint): bigint | undefined {
    this.history.push(`attached ${transport}`);
    return this.sinceNs;
  }

  recovered(entries: readonly JournalEntry[] | undefined): void {
    this.entries.push(entries);
    this.history.push(`recovered ${entries?.length ?? "nothing"}`);
  }

  snapshot(rows: readonly UnitRow[], _asOfNs: bigint): readonly string[] {
    this.history.push(`snapshot ${rows.length}`);
    this.#keep(rows);
    return this.wanted;
  }

  startTime(unit: string, timeNs: bigint): void {
    this.startTimes.set(unit, timeNs);
    this.history.push(`start time ${unit}`);
  }

  loaded(rows: readonly UnitRow[]): void {
    this.history.push(`loaded ${rows.length}`);
    this.#keep(rows);
  }

  unit(signal: UnitSignal): void {
    this.units.push({ ...signal });
    this.history.push(`unit ${signal.unit} ${signal.activeState}/${signal.subState}`);
  }

  service(signal: ServiceSignal): void {
    this.services.push({ ...signal });
    this.history.push(`service ${signal.unit} ${signal.result} ${signal.restarts}`);
  }

  removed(unit: string, _timeNs: bigint): void {
    this.history.push(`removed ${unit}`);
  }

  manager(facts: ManagerFacts): void {
    this.facts.push(facts);
    this.history.push(`manager ${facts.version} ${facts.systemState}`);
  }

  parseError(): void {
    this.history.push("parse error");
  }

  #keep(rows: readonly UnitRow[]): void {
    for (const { name, activeState, subState } of rows) {
      this.rows.set(name, `${activeState}/${subState}`);
    }
  }
}
