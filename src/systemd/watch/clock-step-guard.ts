import type { Clock } from "../../domain/clock.ts";
import type { JournalEntry } from "../../domain/systemd.ts";
import type { SystemdState } from "../../state/units/systemd-state.ts";

/** A clock that goes back by more was set; adjusting it, as by NTP, takes smaller steps. */
const SET_BACK_MS = 1_000;

/**
 * Detects that the clock was set back, by comparison with the monotonic clock. Then it sets back the
 * known times of one systemd that are in the future: otherwise later changes would look older than
 * they are, and as if they were counted already.
 */
export class ClockStepGuard {
  readonly #clock: Clock;
  readonly #systemd: Pick<SystemdState, "journalCursor" | "units">;
  #observedAtMs: number;
  /** Distance of the clock from the monotonic one. */
  #offsetMs: number;
  #hasAttached = false;
  /** True if the clock was set back since the journal was read. */
  #wasSetBack = false;

  constructor(clock: Clock, systemd: Pick<SystemdState, "journalCursor" | "units">) {
    this.#clock = clock;
    this.#systemd = systemd;
    this.#observedAtMs = clock.monotonicMs();
    this.#offsetMs = clock.nowMs() - this.#observedAtMs;
  }

  /** Compares the clocks; called before a message is applied. */
  observe(): void {
    const monotonicMs = this.#clock.monotonicMs();
    const offsetMs = this.#clock.nowMs() - monotonicMs;
    if (this.#offsetMs - offsetMs > SET_BACK_MS) {
      this.#setBack(BigInt(Math.floor(this.#observedAtMs + offsetMs)) * 1_000_000n);
    }
    this.#offsetMs = offsetMs;
    this.#observedAtMs = monotonicMs;
  }

  /**
   * Compares the clock with the resume point at the first attach: the clock may have been set back
   * before this process began, by an unknown span. Later attaches aren't compared, since a remote
   * engine has a clock of its own.
   */
  attached(atNs: bigint): void {
    this.observe();
    if (!this.#hasAttached && this.#systemd.journalCursor.isAhead(atNs)) this.#setBack(atNs);
    this.#hasAttached = true;
  }

  /**
   * Returns the journal's entries that were written since the clock was set back: it had the same
   * times before. Entries come in the order of writing, so all before one from the future are older.
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
