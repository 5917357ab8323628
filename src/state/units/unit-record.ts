import type { Counting, LabelSet } from "../../domain/label-set.ts";
import type { ServiceSignal } from "../../domain/systemd.ts";
import type { ActiveState } from "../../domain/unit.ts";
import { unitType } from "../../domain/unit.ts";

/** A failure or restart that was counted. */
export interface CountedChange {
  /** Of the run that failed; "" where it isn't known. */
  readonly invocationId: string;
  /** By the journal's line, or by the state change that a signal tells of: Unix nanoseconds. */
  readonly timeNs: bigint;
  /** Of a failure, which one of its run it is, from 1 on: a start limit that is hit is the second. Of a restart, NRestarts. */
  readonly number: number;
}

/** What was counted of a unit, over all lives of its container. */
interface UnitCounters extends Counting {
  /** Most units never fail: they need no map. */
  failures: Map<string, number> | undefined;
  restarts: number;
}

/** systemd has a dozen results; a container that makes up more gets one series for them all. */
const MAX_RESULTS = 24;
const RESULT_OTHER = "other";
const NO_FAILURES: ReadonlyMap<string, number> = new Map();

/** What is known of one unit, and what was counted of it. */
export class UnitRecord {
  readonly name: string;
  readonly type: string;
  /** False where the filters hide it: it counts in `systemd_units` alone. */
  readonly shown: boolean;
  /** False where it is hidden, or there is no room for its series. Its changes are told all the same. */
  readonly hasSeries: boolean;
  /** Labels of its series, with and without `type`; made by its container's record. */
  labels: LabelSet;
  nameLabels: LabelSet;

  /** undefined while it isn't loaded, or nothing is known yet. */
  activeState: ActiveState | undefined = undefined;
  subState = "";
  /** True where it was listed on the stream that stands. */
  isListed = false;
  /** True where a snapshot gave the state, and no signal since. */
  fromSnapshot = false;
  /** Time of the newest signal, and of the state change that it told: Unix nanoseconds. */
  signalNs = 0n;
  stateChangeNs = 0n;
  /** The state that it told; what a listing said since may be newer. */
  signalState: ActiveState | undefined = undefined;
  /** ActiveEnterTimestamp: Unix nanoseconds; 0n where it isn't known. */
  activeEnterNs = 0n;
  /** The start that was told as recovered: its signal may still come. */
  recoveredStartNs = 0n;
  invocationId = "";

  /** Result of a service, as systemd names it; undefined until a signal told it. */
  result: string | undefined = undefined;
  /** True where the last Service signal set the result back to success. */
  resultCleared = false;
  exitStatus: number | undefined = undefined;
  /** NRestarts as last told: a hint, since systemd sets it back to 0 at will. */
  restartsSeen: number | undefined = undefined;
  /** NRestarts of a Service signal, until the Unit signal comes that belongs to it. */
  restartsTold: number | undefined = undefined;

  /** The newest that were counted. */
  lastFailure: CountedChange | undefined = undefined;
  lastRestart: CountedChange | undefined = undefined;
  /** The newest that the journal told, until a signal tells of something that is newer. */
  journalFailure: CountedChange | undefined = undefined;
  /** The newest state change that this failure can explain, Unix nanoseconds; undefined: any. */
  journalFailureUntilNs: bigint | undefined = undefined;
  journalRestart: CountedChange | undefined = undefined;

  /** When systemd removed it: Unix nanoseconds; undefined while it is loaded, or systemd doesn't run. */
  removedAtNs: bigint | undefined = undefined;
  #counters: UnitCounters;

  constructor(
    name: string,
    admitted: { readonly shown: boolean; readonly hasSeries: boolean; readonly sinceNs: bigint },
    containerLabels: LabelSet,
  ) {
    this.name = name;
    this.type = unitType(name);
    this.shown = admitted.shown;
    this.hasSeries = admitted.hasSeries;
    this.#counters = { sinceNs: admitted.sinceNs, failures: undefined, restarts: 0 };
    this.nameLabels = containerLabels.with([["name", name]], this.#counters);
    this.labels = this.nameLabels.with([["type", this.type]]);
  }

  /** Failures by Result, since unitwatch watches it. */
  get failures(): ReadonlyMap<string, number> {
    return this.#counters.failures ?? NO_FAILURES;
  }

  /** Restarts by Restart=, since unitwatch watches it. */
  get restarts(): number {
    return this.#counters.restarts;
  }

  get hasCounters(): boolean {
    return this.restarts > 0 || this.failures.size > 0;
  }

  /** Its container has other labels now. */
  relabel(containerLabels: LabelSet): void {
    this.nameLabels = containerLabels.with([["name", this.name]], this.#counters);
    this.labels = this.nameLabels.with([["type", this.type]]);
  }

  /** Takes over what a Service signal says. Of NRestarts its Unit signal has to tell more. */
  takeService({ result, exitStatus, restarts }: ServiceSignal): void {
    if (result !== undefined) {
      this.resultCleared = result === "success" && (this.result ?? "success") !== "success";
      this.result = result;
    }
    if (exitStatus !== undefined) this.exitStatus = exitStatus;
    this.restartsTold = restarts;
  }

  countFailure(told: string): void {
    const { failures } = this;
    const isOneMore = !failures.has(told) && failures.size >= MAX_RESULTS;
    const result = isOneMore ? RESULT_OTHER : told;
    this.#counters.failures ??= new Map();
    this.#counters.failures.set(result, (this.#counters.failures.get(result) ?? 0) + 1);
  }

  countRestarts(count: number): void {
    this.#counters.restarts += count;
  }

  /** Goes on with the counters of the same unit in its container's last incarnation. */
  inherit(old: UnitRecord, containerLabels: LabelSet): void {
    this.#counters = old.#counters;
    this.relabel(containerLabels);
  }

  /** The clock was set back: what is known was told before `knownNs`, by the clock as it is now. */
  setBack(knownNs: bigint): void {
    const change = (told: CountedChange | undefined): CountedChange | undefined =>
      told === undefined || told.timeNs <= knownNs ? told : { ...told, timeNs: knownNs };
    this.lastFailure = change(this.lastFailure);
    this.lastRestart = change(this.lastRestart);
    this.journalFailure = change(this.journalFailure);
    this.journalRestart = change(this.journalRestart);
    if (this.signalNs > knownNs) this.signalNs = knownNs;
    if (this.stateChangeNs > knownNs) this.stateChangeNs = knownNs;
    if ((this.removedAtNs ?? 0n) > knownNs) this.removedAtNs = knownNs;
  }

  /** It is no longer loaded. What was counted stays. */
  unload(): void {
    this.activeState = undefined;
    this.subState = "";
    this.isListed = false;
    this.fromSnapshot = false;
    this.activeEnterNs = 0n;
    this.restartsSeen = undefined;
    this.restartsTold = undefined;
    this.result = undefined;
    this.exitStatus = undefined;
  }
}
