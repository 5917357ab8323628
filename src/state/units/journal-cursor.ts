/**
 * The journal is read from this long before the newest counted change, so that none is missed. Folds
 * skip the entries that were counted.
 */
const MARGIN_NS = 1_000_000_000n;

/** A cursor this far ahead of the clock shows that the clock was set back: engines' clocks differ less. */
const SET_BACK_NS = 300_000_000_000n;

/** Time up to which the changes of one systemd were counted: Unix nanoseconds by its own clock. */
export class JournalCursor {
  /** When counting began: what happened until then is not counted, or an earlier process counted it. */
  baselineNs = 0n;
  /** Time of the newest change that was counted; 0n before counting begins. */
  #untilNs = 0n;
  #attachedAtNs = 0n;

  /** When the present stream was opened: what happens from then on is under watch. */
  get attachedAtNs(): bigint {
    return this.#attachedAtNs;
  }

  /** Position for the next process; undefined before counting begins. */
  get resume(): string | undefined {
    return this.#untilNs === 0n ? undefined : String(this.#untilNs);
  }

  /** Continues from the position of an earlier process. */
  restore(resume: string | undefined): void {
    if (resume !== undefined && /^\d{1,19}$/.test(resume)) this.from(BigInt(resume));
  }

  /** Begins to count after `timeNs`, whenever a stream opens. Only the first call has an effect. */
  from(timeNs: bigint): void {
    if (this.#untilNs !== 0n) return;
    this.baselineNs = timeNs;
    this.#untilNs = timeNs;
  }

  /** Advances to a change that was counted. */
  reached(timeNs: bigint): void {
    if (timeNs > this.#untilNs) this.#untilNs = timeNs;
  }

  /** Returns true if the clock was set back while unitwatch didn't run. */
  isAhead(nowNs: bigint): boolean {
    return this.#untilNs > nowNs + SET_BACK_NS;
  }

  /** Follows a clock that was set back: no time is later than `knownNs`. */
  setBack(knownNs: bigint): void {
    if (this.#untilNs > knownNs) this.#untilNs = knownNs;
    if (this.baselineNs > knownNs) this.baselineNs = knownNs;
    if (this.#attachedAtNs > knownNs) this.#attachedAtNs = knownNs;
  }

  /** Begins a stream. Returns the start of the gap before it; undefined if there is no gap. */
  attached(atNs: bigint): bigint | undefined {
    this.#attachedAtNs = atNs;
    if (this.#untilNs === 0n) {
      this.from(atNs);
      return undefined;
    }
    const sinceNs = this.#untilNs - MARGIN_NS;
    return sinceNs > this.baselineNs ? sinceNs : this.baselineNs;
  }
}
