import type { ReadingGroup } from "../../domain/readings.ts";

const NO_GROUPS: ReadonlySet<ReadingGroup> = new Set();

/**
 * Bounds the number of series. Past the limit new series are refused and counted; those that were
 * admitted before stay.
 */
export class SeriesBudget {
  /** The present: Unix nanoseconds; 0n if the caller uses neither the start times of series nor what is recent. */
  readonly nowNs: () => bigint;
  /** Groups of readings that have series. */
  readonly groups: ReadonlySet<ReadingGroup>;
  /** True if what containers use has series. */
  readonly hasUsage: boolean;
  readonly #limit: number;
  #taken = 0;
  #refused = 0;

  constructor(
    limit: number,
    nowNs: () => bigint = () => 0n,
    queried: { readonly groups?: ReadonlySet<ReadingGroup>; readonly hasUsage?: boolean } = {},
  ) {
    this.#limit = limit;
    this.nowNs = nowNs;
    this.groups = queried.groups ?? NO_GROUPS;
    this.hasUsage = queried.hasUsage ?? false;
  }

  /** Series that were refused so far. */
  get refused(): number {
    return this.#refused;
  }

  /** Takes room for `count` series, all or none; returns false if they are refused. */
  take(count: number): boolean {
    if (this.#taken + count > this.#limit) {
      this.#refused += count;
      return false;
    }
    this.#taken += count;
    return true;
  }

  /** Releases room that was taken. */
  give(count: number): void {
    this.#taken -= count;
  }
}
