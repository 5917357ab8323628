import type { Clock } from "../../domain/clock.ts";
import type { ReadingGroup, ReadingSource } from "../../domain/readings.ts";
import { someAtOnce } from "../../platform/data/some-at-once.ts";
import { atMost } from "../../platform/time/at-most.ts";
import type { ContainerRecord } from "../../state/containers/container-record.ts";
import type { UnitRecord } from "../../state/units/unit-record.ts";
import { queriesOf } from "../format/readings.ts";

export interface NodeReadingsOptions {
  readonly record: ContainerRecord;
  /** The open stream. */
  readonly source: ReadingSource;
  readonly groups: ReadonlySet<ReadingGroup>;
  readonly clock: Pick<Clock, "monotonicMs" | "setTimeout">;
}

/** Shortest time from the begin of one round to that of the next. */
const PERIOD_MS = 5_000;
/** Units that are queried at a time. */
const MAX_UNITS = 16;
/** A systemd that is silent for so long within a round doesn't answer. */
const SILENCE_MS = 500;

const OF_MANAGER: readonly ReadingGroup[] = ["watchdog", "boot", "info"];

/** The readings of one systemd over one stream, in rounds. */
export class NodeReadings {
  readonly #options: NodeReadingsOptions;
  readonly #hasManager: boolean;
  /** The newest round; never rejects. */
  #round: Promise<void> = Promise.resolve();
  #isRunning = false;
  #hasEnded = false;
  #begunMs = Number.NEGATIVE_INFINITY;
  /** Time of the newest answer of the newest round, or of its begin. */
  #answeredMs = Number.NEGATIVE_INFINITY;
  #hasAnswered = false;
  #failed = false;

  constructor(options: NodeReadingsOptions) {
    this.#options = options;
    this.#hasManager = OF_MANAGER.some((group) => options.groups.has(group));
  }

  get source(): ReadingSource {
    return this.#options.source;
  }

  /** Resolves when the newest round is through. */
  get settled(): Promise<void> {
    return this.#round;
  }

  /** Resolves when the newest round is through, or systemd has been silent for so long in it. */
  async settledOrSilent(silenceMs: number): Promise<void> {
    const { clock } = this.#options;
    let leftMs = silenceMs;
    while (this.#isRunning && leftMs > 0) {
      await atMost(leftMs, clock, this.#round);
      leftMs = silenceMs - this.#silentMs;
    }
  }

  /** Begins a round if one is due. Returns how much longer its answers may be waited for, of `limitMs` in all. */
  begin(limitMs: number): number {
    const nowMs = this.#options.clock.monotonicMs();
    if (!this.#isRunning && nowMs - this.#begunMs >= PERIOD_MS) {
      this.#begunMs = nowMs;
      this.#answeredMs = nowMs;
      this.#hasAnswered = false;
      this.#isRunning = true;
      this.#failed = false;
      this.#round = this.#read().catch(() => {
        // The stream has ended; the watch reports why.
        this.#failed = true;
      });
      void this.#round.then(() => (this.#isRunning = false));
    }
    return Math.max(0, this.#begunMs + limitMs - nowMs);
  }

  /** Decides whether its readings are shown. */
  rate(): void {
    const isAnswering = this.#hasAnswered && this.#silentMs <= SILENCE_MS;
    this.#options.record.systemd.manager.answersQueries =
      !this.#failed && (!this.#isRunning || isAnswering);
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
      this.#answered();
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
    this.#answered();
    if (!this.#hasEnded) record.systemd.manager.reading = reading;
  }

  get #silentMs(): number {
    return this.#options.clock.monotonicMs() - this.#answeredMs;
  }

  #answered(): void {
    this.#hasAnswered = true;
    this.#answeredMs = this.#options.clock.monotonicMs();
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
