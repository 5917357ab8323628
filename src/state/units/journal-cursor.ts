/** The journal is read from a little before what is known: what was counted already is told apart. */
const MARGIN_NS = 1_000_000_000n;

/** Where what is known lies so far ahead of the clock, that was set back: engines' clocks differ less. */
const SET_BACK_NS = 300_000_000_000n;

/** Up to when the changes of one systemd are known: Unix nanoseconds by its own clock. */
export class JournalCursor {
  /** What happened until then was counted by an earlier process, or is not to be counted. */
  baselineNs = 0n;
  /** Time of the newest change that was counted; 0n before anything is covered. */
  #untilNs = 0n;
  #attachedAtNs = 0n;

  get untilNs(): bigint {
    return this.#untilNs;
  }

  /** What another process needs to go on from here; undefined while there is nothing. */
  get resume(): string | undefined {
    return this.#untilNs === 0n ? undefined : String(this.#untilNs);
  }

  /** Goes on from where another process was. */
  restore(resume: string | undefined): void {
    if (resume !== undefined && /^\d{1,19}$/.test(resume)) this.from(BigInt(resume));
  }

  /** Changes after `timeNs` are to be counted, whenever a stream will stand. The first call holds. */
  from(timeNs: bigint): void {
    if (this.#untilNs !== 0n) return;
    this.baselineNs = timeNs;
    this.#untilNs = timeNs;
  }

  /** A change at `timeNs` was counted. */
  reached(timeNs: bigint): void {
    if (timeNs > this.#untilNs) this.#untilNs = timeNs;
  }

  /** True where the clock must have been set back while nobody looked. */
  isAhead(nowNs: bigint): boolean {
    return this.#untilNs > nowNs + SET_BACK_NS;
  }

  /** The clock was set back: by it, what is known was known at `knownNs` at the latest. */
  setBack(knownNs: bigint): void {
    if (this.#untilNs > knownNs) this.#untilNs = knownNs;
    if (this.baselineNs > knownNs) this.baselineNs = knownNs;
    if (this.#attachedAtNs > knownNs) this.#attachedAtNs = knownNs;
  }

  /** A stream stands. Answers from when on there is a gap before it, undefined where there is none. */
  attached(atNs: bigint): bigint | undefined {
    this.#attachedAtNs = atNs;
    if (this.#untilNs === 0n) {
      this.from(atNs);
      return undefined;
    }
    const sinceNs = this.#untilNs - MARGIN_NS;
    return sinceNs > this.baselineNs ? sinceNs : this.baselineNs;
  }

  /** True where something at `timeNs` happened while the present stream stood. */
  isUnderWatch(timeNs: bigint): boolean {
    return timeNs >= this.#attachedAtNs;
  }
}
