import type { Clock } from "../../domain/clock.ts";
import type { ReadingGroup, ReadingSource } from "../../domain/readings.ts";
import { someAtOnce } from "../../platform/data/some-at-once.ts";
import { QueryRounds } from "../../platform/time/query-rounds.ts";
import type { ManagerRecord } from "../../state/containers/user-manager.ts";
import type { UnitRecord } from "../../state/units/unit-record.ts";
import { queriesOf } from "../format/readings.ts";

export interface NodeReadingsOptions {
  readonly record: ManagerRecord;
  /** The open stream. */
  readonly source: ReadingSource;
  readonly groups: ReadonlySet<ReadingGroup>;
  readonly clock: Pick<Clock, "monotonicMs" | "setTimeout">;
}

/** Units that are queried at a time. */
const MAX_UNITS = 16;

const OF_MANAGER: readonly ReadingGroup[] = ["watchdog", "boot", "info"];

/** The readings of one systemd over one stream, in rounds. */
export class NodeReadings {
  readonly #options: NodeReadingsOptions;
  readonly #hasManager: boolean;
  readonly rounds: QueryRounds;
  #hasEnded = false;

  constructor(options: NodeReadingsOptions) {
    this.#options = options;
    // Those of a user manager aren't shown: it boots nothing, and feeds no watchdog.
    const isSystem = options.record.identity.user === undefined;
    this.#hasManager = isSystem && OF_MANAGER.some((group) => options.groups.has(group));
    const { clock } = options;
    // If the stream has ended, the watch reports why.
    this.rounds = new QueryRounds({ read: () => this.#read(), clock });
  }

  get source(): ReadingSource {
    return this.#options.source;
  }

  /** Decides whether its readings are shown. */
  rate(): void {
    this.#options.record.systemd.manager.answersQueries = this.rounds.isAnswering;
  }

  /** Takes no more answers. */
  end(): void {
    this.#hasEnded = true;
  }

  async #read(): Promise<void> {
    const units = [...this.#dueUnits()];
    const manager = this.#hasManager ? this.#readManager() : undefined;
    await Promise.all([manager, someAtOnce(units, MAX_UNITS, (unit) => this.#readUnit(unit))]);
  }

  /**
   * Units with values that can have changed. Those of a unit that doesn't run change with a signal or a
   * reload.
   */
  *#dueUnits(): Generator<UnitRecord, void, void> {
    const { record, groups } = this.#options;
    for (const unit of record.systemd.units.values()) {
      if (!unit.hasSeries || !isLoaded(unit)) continue;
      if ((unit.isReadingDue || isRunning(unit)) && queriesOf(unit.name, groups).length > 0) {
        yield unit;
      }
    }
  }

  async #readUnit(unit: UnitRecord): Promise<void> {
    // It may be gone since the round began: a query would load it again.
    if (this.#hasEnded || !isLoaded(unit)) return;
    unit.isReadingDue = false;
    const { source, groups } = this.#options;
    let isRead = false;
    try {
      const reading = await source.readUnit(unit.name, groups);
      this.rounds.answered();
      if (this.#hasEnded || !isLoaded(unit)) return;
      unit.reading = reading;
      isRead = reading !== undefined;
    } finally {
      if (!isRead) unit.isReadingDue = true;
    }
  }

  async #readManager(): Promise<void> {
    const { record, source, groups } = this.#options;
    const reading = await source.readManager(groups);
    this.rounds.answered();
    if (!this.#hasEnded) record.systemd.manager.reading = reading;
  }
}

/** True for a unit that systemd has loaded, as it should be. */
function isLoaded({ activeState, loadFault }: UnitRecord): boolean {
  return activeState !== undefined && loadFault === undefined;
}

/** True while its values can change without a signal: a cgroup can outlive the run. */
function isRunning({ activeState, reading }: UnitRecord): boolean {
  if (activeState !== "inactive" && activeState !== "failed") return true;
  return reading?.memory !== undefined || reading?.tasks !== undefined;
}
