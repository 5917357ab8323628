/**
 * How many series may be shown. What is past the limit is refused and counted; what was let in
 * before lives on.
 */
export class SeriesBudget {
  /** When what is let in now begins: Unix nanoseconds; 0n where nobody keeps that. */
  readonly nowNs: () => bigint;
  readonly #limit: number;
  #taken = 0;
  #refused = 0;

  constructor(limit: number, nowNs: () => bigint = () => 0n) {
    this.#limit = limit;
    this.nowNs = nowNs;
  }

  /** Series that were refused so far. */
  get refused(): number {
    return this.#refused;
  }

  /** Takes room for so many series, all or none. */
  take(count: number): boolean {
    if (this.#taken + count > this.#limit) {
      this.#refused += count;
      return false;
    }
    this.#taken += count;
    return true;
  }

  /** Gives back what was taken. */
  give(count: number): void {
    this.#taken -= count;
  }
}
