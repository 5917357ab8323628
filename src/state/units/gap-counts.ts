import { endedSince, isOfWait, knownEnds, mostEnds } from "./restart-order.ts";
import type { RestartOutcome, UnitFacts, UnitOutcome } from "./unit-facts.ts";
import type { UnitRecord } from "./unit-record.ts";
import type { UnitTable } from "./unit-table.ts";

/** Position of a service when a gap begins, and the changes that were counted since. */
export interface GapCounts {
  /** StateChangeTimestamp that shows that nothing has changed since; 0n if none does. */
  readonly sameNs: bigint;
  /** True if it was loaded within the gap: all that it went through happened since. */
  readonly isNew: boolean;
  /** True if signals have reported changes: what was missed of a service that was loaded came before them. */
  isSignalled: boolean;
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
  /** No later run ended before that: Unix nanoseconds; undefined if it is unknown. */
  endedSinceNs: bigint | undefined;
}

/** Counts what the journal and signals report of services, from the begin of a gap until it is closed. */
export class GapCounters {
  readonly #services = new Map<string, GapCounts>();

  /** True while services can be loaded in a gap unseen. */
  #isOpen = false;

  /**
   * Begins a gap. A service whose last gap isn't closed goes on with that.
   *
   * @param isListed true if all units that were loaded before it are known
   */
  begin(units: UnitTable, isListed: boolean): void {
    this.#isOpen = isListed;
    for (const [name, sameNs] of units.servicesToCompare()) {
      const facts = units.get(name)?.facts;
      if (facts === undefined || this.#services.has(name)) continue;
      const { activeState, invocationId, restartsSeen } = facts;
      this.#services.set(name, {
        sameNs,
        isNew: false,
        isSignalled: false,
        invocationId,
        isRunning: activeState !== "inactive" && knownEnds(facts) === 0,
        restartsSeen,
        ends: knownEnds(facts),
        failures: 0,
        restarts: 0,
        repeated: 0,
        restartedRun: facts.lastRestart?.invocationId ?? "",
        endedSinceNs: endedSince(facts),
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

  /** Adds outcomes of a service; its facts are from before them. */
  count(unit: UnitRecord, outcomes: readonly UnitOutcome[]): void {
    const { name, facts } = unit;
    if (this.#isOpen && facts.activeState === undefined) this.#begin(unit);
    const counts = outcomes.length === 0 ? undefined : this.#services.get(name);
    if (counts === undefined) return;
    for (const outcome of outcomes) {
      if (!outcome.recovered) counts.isSignalled = true;
      if (outcome.kind === "failure") counts.failures += 1;
      if (outcome.kind === "restart") countRestart(counts, facts, outcome);
      // A signal shows NRestarts of its time.
      else if (!outcome.recovered) counts.endedSinceNs = later(counts.endedSinceNs, outcome.timeNs);
    }
  }

  /** Closes the gap. Returns the services that were loaded in it, and are in use: they aren't compared yet. */
  close(units: UnitTable): ReadonlyMap<string, bigint> {
    const loaded = new Map<string, bigint>();
    this.#isOpen = false;
    for (const [name, { isNew }] of this.#services) {
      const { activeState = "inactive" } = units.get(name) ?? {};
      if (isNew && activeState !== "inactive") loaded.set(name, 0n);
      else this.#services.delete(name);
    }
    return loaded;
  }

  /** The service was compared. */
  delete(name: string): void {
    this.#services.delete(name);
  }

  clear(): void {
    this.#isOpen = false;
    this.#services.clear();
  }

  #begin({ name, type, shown }: UnitRecord): void {
    if (type !== "service" || !shown || this.#services.has(name)) return;
    this.#services.set(name, {
      sameNs: 0n,
      isNew: true,
      isSignalled: false,
      invocationId: "",
      isRunning: true,
      restartsSeen: 0,
      ends: 0,
      failures: 0,
      restarts: 0,
      repeated: 0,
      restartedRun: "",
      endedSinceNs: undefined,
    });
  }
}

function later(oneNs: bigint | undefined, otherNs: bigint): bigint {
  return oneNs !== undefined && oneNs > otherNs ? oneNs : otherNs;
}

/** Adds a restart; the facts are from before it. */
function countRestart(counts: GapCounts, facts: UnitFacts, outcome: RestartOutcome): void {
  const { count, counted, recovered } = outcome;
  const { invocationId, timeNs } = counted;
  const { invocationId: knownId, restartDelayNs } = facts;
  const isSecond = invocationId !== "" && counts.restartedRun === invocationId;
  const isKnown = invocationId !== "" && knownId === invocationId;
  const startNs = isKnown ? facts.activeEnterNs : 0n;
  // A signal has the time of the wait, which is that of the run's end.
  const last = { invocationId, timeNs, isEnd: !recovered && invocationId !== "", startNs };
  const least = recovered && invocationId !== "" ? 1 : 0;
  const most = isSecond ? 0 : Math.max(mostEnds(facts, last, counts.endedSinceNs), least);
  // A signal that is the first of its run may show the restart of the run before, unless there were too few.
  const isOfRun = recovered || isKnown || (invocationId !== "" && count >= most);
  counts.restarts += count;
  counts.repeated += Math.max(count - most, 0);
  counts.restartedRun = isOfRun ? invocationId : "";
  counts.endedSinceNs = isKnown && isOfWait(facts, counted) ? timeNs + restartDelayNs : timeNs;
}
