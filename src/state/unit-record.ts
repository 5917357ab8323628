import type { LabelSet } from "../domain/label-set.ts";
import type { ActiveState } from "../domain/unit.ts";
import { unitType } from "../domain/unit.ts";

/** What is known of one unit, and what was counted of it. */
export class UnitRecord {
  readonly name: string;
  readonly type: string;
  /** False where the filters hide it: it counts in `systemd_units` alone. */
  readonly shown: boolean;
  /** Labels of its series, with and without `type`; made by its container's record. */
  labels: LabelSet;
  nameLabels: LabelSet;

  /** undefined while it isn't loaded, or nothing is known yet. */
  activeState: ActiveState | undefined = undefined;
  subState = "";
  /** True where a snapshot gave the state, and no signal since. */
  fromSnapshot = false;
  /** Time of the newest signal: Unix nanoseconds. */
  signalNs = 0n;

  /** Result of a service, as systemd names it; undefined until a signal told it. */
  result: string | undefined = undefined;
  exitStatus: number | undefined = undefined;
  /** NRestarts as last told: a hint, since systemd sets it back to 0 at will. */
  restartsSeen: number | undefined = undefined;

  /** Failures by Result, and restarts by Restart=, since unitwatch watches it. */
  readonly failures = new Map<string, number>();
  restarts = 0;

  constructor(name: string, shown: boolean, containerLabels: LabelSet) {
    this.name = name;
    this.type = unitType(name);
    this.shown = shown;
    this.nameLabels = containerLabels.with([["name", name]]);
    this.labels = this.nameLabels.with([["type", this.type]]);
  }

  /** Its container has other labels now. */
  relabel(containerLabels: LabelSet): void {
    this.nameLabels = containerLabels.with([["name", this.name]]);
    this.labels = this.nameLabels.with([["type", this.type]]);
  }

  get hasCounters(): boolean {
    return this.restarts > 0 || this.failures.size > 0;
  }
}
