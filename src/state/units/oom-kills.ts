import type { UnitOutcome } from "./unit-facts.ts";

const SIGKILL = 9;

/** A run of a unit, and what is known of its OOM kills. */
interface OomRun {
  /** "" if it is unknown. */
  readonly invocationId: string;
  /** OOMKills of the run, as far as it was counted. */
  readonly seen: number;
  /** Failures of the run by Result=oom-kill since then: each stands for one of the kills. */
  readonly byResult: number;
}

/**
 * Counts OOM kills of one unit. Every systemd shows those that end a run, by the run's Result. Where
 * systemd has OOMKills (v262), that is the number of processes that were killed in the run, also if it
 * goes on. A kill that both show counts once.
 */
export class OomKills {
  #count = 0;
  #run: OomRun = { invocationId: "", seen: 0, byResult: 0 };

  get count(): number {
    return this.#count;
  }

  /** Adds a failure of a run by Result=oom-kill. */
  addResult(invocationId: string): void {
    const run = this.#runOf(invocationId);
    this.#run = { ...run, byResult: run.byResult + 1 };
    this.#count += 1;
  }

  /**
   * Adds what OOMKills of a run shows.
   *
   * @param isBaseline true if the kills may be older than the watch
   */
  addProperty(invocationId: string, kills: number, isBaseline: boolean): void {
    const run = this.#runOf(invocationId);
    const more = kills < run.seen ? kills : kills - run.seen;
    if (!isBaseline) this.#count += Math.max(0, more - run.byResult);
    this.#run = { invocationId: run.invocationId, seen: kills, byResult: 0 };
  }

  /** Adds the counts of the same unit in another container. */
  add(more: OomKills): void {
    this.#count += more.#count;
  }

  #runOf(invocationId: string): OomRun {
    const known = this.#run;
    const isSame = known.invocationId === invocationId || known.invocationId === "";
    return isSame ? { ...known, invocationId } : { invocationId, seen: 0, byResult: 0 };
  }
}

/** Returns true for a failure that the OOM killer may have caused. */
export function isKilled(outcome: UnitOutcome): boolean {
  if (outcome.kind !== "failure") return false;
  return (
    outcome.result === "oom-kill" || (outcome.result === "signal" && outcome.exitCode === SIGKILL)
  );
}
