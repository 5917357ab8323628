import { hasEnded, knownEnds } from "./restart-order.ts";
import type { UnitOutcome } from "./unit-facts.ts";
import type { UnitRecord } from "./unit-record.ts";
import type { UnitTable } from "./unit-table.ts";

/** Position of a service when a gap begins, and the changes that were counted since. */
export interface GapCounts {
  /** StateChangeTimestamp that shows that nothing has changed since; 0n if none does. */
  readonly sameNs: bigint;
  /** When the gap began: the newest run, NRestarts, and ends of runs since the newest restart. */
  readonly invocationId: string;
  readonly isRunning: boolean;
  readonly restartsSeen: number | undefined;
  readonly ends: number;
  failures: number;
  restarts: number;
  /** Of these restarts, those that systemd scheduled a second time in one wait. */
  repeated: number;
  /** InvocationID of the run before the newest restart; "" if it is unknown. */
  restartedRun: string;
}

/** Counts what the journal and signals report of services, from the begin of a gap until it is closed. */
export class GapCounters {
  readonly #services = new Map<string, GapCounts>();

  /** Begins a gap. A service whose last gap isn't closed goes on with that. */
  begin(units: UnitTable): void {
    for (const [name, sameNs] of units.servicesToCompare()) {
      const facts = units.get(name)?.facts;
      if (facts === undefined || this.#services.has(name)) continue;
      const { activeState, invocationId, restartsSeen } = facts;
      this.#services.set(name, {
        sameNs,
        invocationId,
        isRunning: activeState !== "inactive" && !hasEnded(facts),
        restartsSeen,
        ends: knownEnds(facts),
        failures: 0,
        restarts: 0,
        repeated: 0,
        restartedRun: facts.lastRestart?.invocationId ?? "",
      });
    }
  }

  /** Services that may have changed, as {@link UnitTable.servicesToCompare} has them. */
  services(): ReadonlyMap<string, bigint> {
    return new Map([...this.#services].map(([name, { sameNs }]) => [name, sameNs]));
  }

  get(name: string): GapCounts | undefined {
    return this.#services.get(name);
  }

  /** Adds outcomes of a service; `facts` are from before them. */
  count({ name, facts }: UnitRecord, outcomes: readonly UnitOutcome[]): void {
    const counts = outcomes.length === 0 ? undefined : this.#services.get(name);
    if (counts === undefined) return;
    for (const outcome of outcomes) {
      if (outcome.kind === "failure") counts.failures += 1;
      if (outcome.kind !== "restart") continue;
      const { invocationId } = outcome.counted;
      counts.restarts += outcome.count;
      if (counts.restartedRun !== "" && counts.restartedRun === invocationId) counts.repeated += 1;
      // A signal that is the first of its run may show the restart of the run before.
      const isOfRun = outcome.recovered || facts.invocationId === invocationId;
      counts.restartedRun = isOfRun ? invocationId : "";
    }
  }

  /** Closes the gap. */
  clear(): void {
    this.#services.clear();
  }
}
