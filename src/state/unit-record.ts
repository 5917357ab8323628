import type { LabelSet } from "../domain/label-set.ts";
import type { ActiveState } from "../domain/unit.ts";
import { unitType } from "../domain/unit.ts";

/** A failure that the journal told, of which a signal may still come. */
export interface RecoveredFailure {
  readonly invocationId: string;
  readonly timeNs: bigint;
}

/** systemd has a dozen results; a container that makes up more gets one series for them all. */
const MAX_RESULTS = 24;
const RESULT_OTHER = "other";

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
  invocationId = "";

  /** Result of a service, as systemd names it; undefined until a signal told it. */
  result: string | undefined = undefined;
  exitStatus: number | undefined = undefined;
  /** NRestarts as last told: a hint, since systemd sets it back to 0 at will. */
  restartsSeen: number | undefined = undefined;

  /** Failures by Result, and restarts by Restart=, since unitwatch watches it. */
  readonly failures = new Map<string, number>();
  restarts = 0;
  /** Times of the last failure and the last restart that were counted: Unix nanoseconds. */
  lastFailureNs = 0n;
  lastRestartNs = 0n;
  /** Failures in a row of one run: only a start limit that is hit makes it more than one. */
  failuresOfRun = 0;
  /** Told by the journal after a gap; empty but for a moment. */
  recoveredFailures: RecoveredFailure[] = [];

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

  get hasCounters(): boolean {
    return this.restarts > 0 || this.failures.size > 0;
  }

  /** Its container has other labels now. */
  relabel(containerLabels: LabelSet): void {
    this.nameLabels = containerLabels.with([["name", this.name]]);
    this.labels = this.nameLabels.with([["type", this.type]]);
  }

  countFailure(told: string, timeNs: bigint): void {
    const isOneMore = !this.failures.has(told) && this.failures.size >= MAX_RESULTS;
    const result = isOneMore ? RESULT_OTHER : told;
    this.failures.set(result, (this.failures.get(result) ?? 0) + 1);
    if (timeNs > this.lastFailureNs) this.lastFailureNs = timeNs;
  }

  countRestarts(count: number, seen: number, timeNs: bigint): void {
    this.restarts += count;
    this.restartsSeen = seen;
    if (timeNs > this.lastRestartNs) this.lastRestartNs = timeNs;
  }

  /** Takes over what was counted of it elsewhere. */
  inherit(old: UnitRecord): void {
    for (const [result, count] of old.failures) this.failures.set(result, count);
    this.restarts = old.restarts;
  }

  /** It is no longer loaded. What was counted stays. */
  unload(): void {
    this.activeState = undefined;
    this.subState = "";
    this.fromSnapshot = false;
    this.activeEnterNs = 0n;
    this.restartsSeen = undefined;
    this.result = undefined;
    this.exitStatus = undefined;
  }
}
