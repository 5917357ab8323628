import type { LabelSet } from "../../domain/label-set.ts";
import type { UnitReading } from "../../domain/readings.ts";
import type { ActiveState, FrozenState, LoadFault } from "../../domain/unit.ts";
import { unitType } from "../../domain/unit.ts";
import { unitPath } from "../../domain/user-unit.ts";
import type { ExtraSeries } from "./extra-series.ts";
import { UnitCounters } from "./unit-counters.ts";
import { NO_FACTS, NO_PENDING } from "./unit-facts.ts";
import type { CountedChange, PendingService, UnitFacts } from "./unit-facts.ts";

/** One unit: its facts, what was counted of it, and the labels of its series. */
export class UnitRecord {
  readonly name: string;
  readonly type: string;
  /** User id of the user manager whose unit it is; undefined for the system's. */
  readonly user: string | undefined;
  /** False if the filters hide it: it counts in `systemd_units` alone. */
  readonly shown: boolean;
  /** False if it is hidden, or its series were refused. Its changes are emitted all the same. */
  readonly hasSeries: boolean;
  /** Labels of its series, with and without `type`; made from its container's. */
  labels: LabelSet;
  nameLabels: LabelSet;

  /** Replaced by {@link UnitTable.update} alone. */
  facts: UnitFacts = NO_FACTS;
  pending: PendingService = NO_PENDING;
  #counters: UnitCounters;
  /** LoadState if it isn't loaded as it should be; a unit that isn't found has no record. */
  loadFault: LoadFault | undefined = undefined;
  /** FreezerState; undefined while it is running. */
  frozenState: FrozenState | undefined = undefined;
  /** Values that no signal carries, as of the last query. */
  reading: UnitReading | undefined = undefined;
  /** True if a signal or a listing came since that query began. */
  isReadingDue = true;
  /** Kept by {@link UnitTable}; undefined if it has none. */
  extras: ExtraSeries | undefined = undefined;
  /** When systemd removed it: Unix nanoseconds; undefined while it is loaded, or systemd doesn't run. */
  removedAtNs: bigint | undefined = undefined;

  constructor(
    name: string,
    admitted: {
      readonly shown: boolean;
      readonly hasSeries: boolean;
      readonly sinceNs: bigint;
      readonly user?: string | undefined;
    },
    containerLabels: LabelSet,
  ) {
    this.name = name;
    this.type = unitType(name);
    this.user = admitted.user;
    this.shown = admitted.shown;
    this.hasSeries = admitted.hasSeries;
    this.#counters = new UnitCounters(admitted.sinceNs);
    this.nameLabels = containerLabels.with([["name", name]], this.#counters);
    this.labels = this.nameLabels.with([["type", this.type]]);
  }

  /** Returns true if its extra series of this key is shown. */
  showsExtra(key: string): boolean {
    return this.extras?.get(key) === true;
  }

  /** Name among all units of its node. */
  get path(): string {
    return unitPath(this.user, this.name);
  }

  get activeState(): ActiveState | undefined {
    return this.facts.activeState;
  }

  get subState(): string {
    return this.facts.subState;
  }

  get stateChangeNs(): bigint {
    return this.facts.stateChangeNs;
  }

  get activeEnterNs(): bigint {
    return this.facts.activeEnterNs;
  }

  get result(): string | undefined {
    return this.facts.result;
  }

  get exitStatus(): number | undefined {
    return this.facts.exitStatus;
  }

  get lastFailure(): CountedChange | undefined {
    return this.facts.lastFailure;
  }

  /**
   * True if its start limit is reached, so that systemd doesn't start it again. Up to v257 its Result
   * stays that of the last run, which fails once more when the restart is refused.
   */
  get startLimitHit(): boolean {
    const { activeState, result, lastFailure, invocationId } = this.facts;
    if (activeState !== "failed") return false;
    if (result === "start-limit-hit") return true;
    const isSameRun = invocationId !== "" && lastFailure?.invocationId === invocationId;
    return isSameRun && lastFailure.number > 1;
  }

  get counters(): UnitCounters {
    return this.#counters;
  }

  /** Failures by Result, since unitwatch watches it. */
  get failures(): ReadonlyMap<string, number> {
    return this.#counters.failures;
  }

  /** Restarts by Restart=, since unitwatch watches it. */
  get restarts(): number {
    return this.#counters.restarts;
  }

  get hasCounters(): boolean {
    return !this.#counters.isZero;
  }

  /** Adds what OOMKills of its present or last run shows, when counting began at `baselineNs`. */
  countOomKills(kills: number, baselineNs: bigint): void {
    const { activeEnterNs, invocationId, signalNs } = this.facts;
    const beganBefore = activeEnterNs > 0n ? activeEnterNs <= baselineNs : signalNs === 0n;
    this.#counters.countOomKills(invocationId, kills, beganBefore);
  }

  /** Adopts new labels of its container. */
  relabel(containerLabels: LabelSet): void {
    this.nameLabels = containerLabels.with([["name", this.name]], this.#counters);
    this.labels = this.nameLabels.with([["type", this.type]]);
  }

  /** Begins counters of its own; the caller gives it new labels next. */
  renewCounters(sinceNs: bigint): void {
    this.#counters = new UnitCounters(sinceNs);
  }

  /** Continues the counters of this unit in an earlier container with the same name. */
  inherit(old: UnitRecord, containerLabels: LabelSet): void {
    const own = this.#counters;
    this.#counters = old.#counters;
    this.#counters.add(own);
    this.relabel(containerLabels);
  }
}
