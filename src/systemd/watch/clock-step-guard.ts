import type { Clock } from "../../domain/clock.ts";
import type { JournalEntry } from "../../domain/systemd.ts";
import type { SystemdState } from "../../state/units/systemd-state.ts";

/** A clock that goes back by more was set: what adjusts it does so slower. */
const SET_BACK_MS = 1_000;

/**
 * Notices that the clock was set back, and keeps what is known of one systemd from lying ahead of it:
 * what happens then would pass for older than that, and for told already. A clock that can't be set
 * tells how long ago the last news was.
 */
export class ClockStepGuard {
  readonly #clock: Clock;
  readonly #systemd: Pick<SystemdState, "journalCursor" | "units">;
  #newsAtMs: number;
  /** What the clock was ahead of the one that can't be set. */
  #offsetMs: number;
  #hasAttached = false;
  /** True where it was set back since the journal was read. */
  #wasSetBack = false;

  constructor(clock: Clock, systemd: Pick<SystemdState, "journalCursor" | "units">) {
    this.#clock = clock;
    this.#systemd = systemd;
    this.#newsAtMs = clock.monotonicMs();
    this.#offsetMs = clock.nowMs() - this.#newsAtMs;
  }

  /** Something is about to be told: what was told before is known. */
  news(): void {
    const monotonicMs = this.#clock.monotonicMs();
    const offsetMs = this.#clock.nowMs() - monotonicMs;
    if (this.#offsetMs - offsetMs > SET_BACK_MS) {
      this.#setBack(BigInt(Math.floor(this.#newsAtMs + offsetMs)) * 1_000_000n);
    }
    this.#offsetMs = offsetMs;
    this.#newsAtMs = monotonicMs;
  }

  /**
   * A stream stands. What an earlier process knew can lie ahead too; how far it got, nobody knows. What
   * this one was told itself isn't measured by that: an engine elsewhere has a clock of its own.
   */
  attached(atNs: bigint): void {
    this.news();
    if (!this.#hasAttached && this.#systemd.journalCursor.isAhead(atNs)) this.#setBack(atNs);
    this.#hasAttached = true;
  }

  /**
   * Those of the journal's entries that were written since the clock was set back: it had the same
   * times before. They come in the order in which they were written, so that whatever is before one
   * from the future is older than that.
   */
  since(entries: readonly JournalEntry[]): readonly JournalEntry[] {
    if (!this.#wasSetBack) return entries;
    this.#wasSetBack = false;
    const nowNs = this.#clock.nowNs();
    return entries.slice(entries.findLastIndex(({ timeNs }) => timeNs > nowNs) + 1);
  }

  #setBack(knownNs: bigint): void {
    this.#systemd.journalCursor.setBack(knownNs);
    this.#systemd.units.setBack(knownNs);
    this.#wasSetBack = true;
  }
}
