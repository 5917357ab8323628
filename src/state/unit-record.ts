import type { LabelSet } from "../domain/label-set.ts";
import type { ServiceSignal } from "../domain/systemd.ts";
import type { ActiveState } from "../domain/unit.ts";
import { unitType } from "../domain/unit.ts";

/** A failure or restart that was counted. */
export interface CountedChange {
  /** Of the run that failed; "" where it isn't known. */
  readonly invocationId: string;
  /** By the journal's line, or by the state change that a signal tells of: Unix nanoseconds. */
  readonly timeNs: bigint;
  /** Of a failure, which one of its run it is, from 1 on: a start limit that is hit is the second. Of a restart, NRestarts. */
  readonly number: number;
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
  /** True where a snapshot gave the state, and no signal since. */
  fromSnapshot = false;
  /** Time of the newest signal, and of the state change that it told: Unix nanoseconds. */
  signalNs = 0n;
  stateChangeNs = 0n;
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

  /** Most units never fail: they need no map. */
  #failures: Map<string, number> | undefined = undefined;
  /** Restarts by Restart=, since unitwatch watches it. */
  restarts = 0;
  /** The newest that were counted. */
  lastFailure: CountedChange | undefined = undefined;
  lastRestart: CountedChange | undefined = undefined;
  /** The newest that the journal told, until a signal tells of something that is newer. */
  journalFailure: CountedChange | undefined = undefined;
  journalRestart: CountedChange | undefined = undefined;

  /** When systemd removed it: Unix nanoseconds; undefined while it is loaded, or systemd doesn't run. */
  removedAtNs: bigint | undefined = undefined;

  constructor(
    name: string,
    admitted: { readonly shown: boolean; readonly hasSeries: boolean },
    containerLabels: LabelSet,
  ) {
    this.name = name;
    this.type = unitType(name);
    this.shown = admitted.shown;
    this.hasSeries = admitted.hasSeries;
    this.nameLabels = containerLabels.with([["name", name]]);
    this.labels = this.nameLabels.with([["type", this.type]]);
  }

  /** Failures by Result, since unitwatch watches it. */
  get failures(): ReadonlyMap<string, number> {
    return this.#failures ?? NO_FAILURES;
  }

  get hasCounters(): boolean {
    return this.restarts > 0 || this.failures.size > 0;
  }

  /** Its container has other labels now. */
  relabel(containerLabels: LabelSet): void {
    this.nameLabels = containerLabels.with([["name", this.name]]);
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
    const isOneMore = !this.failures.has(told) && this.failures.size >= MAX_RESULTS;
    const result = isOneMore ? RESULT_OTHER : told;
    this.#failures ??= new Map();
    this.#failures.set(result, (this.#failures.get(result) ?? 0) + 1);
  }

  countRestarts(count: number): void {
    this.restarts += count;
  }

  /** Takes over what was counted of it elsewhere. */
  inherit(old: UnitRecord): void {
    if (old.failures.size > 0) this.#failures = new Map([...this.failures, ...old.failures]);
    this.restarts = old.restarts;
  }

  /** It is no longer loaded. What was counted stays. */
  unload(): void {
    this.activeState = undefined;
    this.subState = "";
    this.fromSnapshot = false;
    this.activeEnterNs = 0n;
    this.restartsSeen = undefined;
    this.restartsTold = undefined;
    this.result = undefined;
    this.exitStatus = undefined;
  }
}
