import { asError } from "../data/as-error.ts";
import type { Clock } from "../../domain/clock.ts";
import type { Backoff } from "./backoff.ts";

export interface SuperviseOptions {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly backoff: Backoff;
  /** Cuts a wait short when it is woken. */
  readonly wake?: Wake;
  /**
   * An attempt ended at `atNs` (Unix nanoseconds), by itself or by `error`. Told after the wait, and
   * only where the next attempt follows: an end that the signal explains is none.
   */
  ended(error: Error | undefined, atNs: bigint): void;
}

/** Lets somebody end a wait early, because there is reason to think that it would succeed now. */
export class Wake {
  #listener: (() => void) | undefined;
  #isDue = false;

  /** Ends the wait; during an attempt the one that follows it. */
  wake(): void {
    this.#isDue = true;
    this.#listener?.();
  }

  /** An attempt begins: what was the reason to wake is known to it. */
  answered(): void {
    this.#isDue = false;
  }

  /** Waits for `ms` milliseconds, a wake, or the signal, whichever is first. Never rejects. */
  async wait(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
    if (this.#isDue) return;
    const early = new AbortController();
    this.#listener = () => early.abort();
    try {
      await clock.sleep(ms, AbortSignal.any([signal, early.signal]));
    } catch (error) {
      if (!signal.aborted && !early.signal.aborted) throw error;
    } finally {
      this.#listener = undefined;
    }
  }
}

/**
 * Runs `attempt` again and again, with the backoff's wait between, until `signal` aborts. An
 * attempt that got what it wanted resets the backoff itself.
 */
export async function supervise(
  attempt: (signal: AbortSignal) => Promise<void>,
  options: SuperviseOptions,
): Promise<void> {
  const { signal, clock, backoff, wake = new Wake() } = options;
  while (!signal.aborted) {
    let failure: Error | undefined;
    wake.answered();
    try {
      await attempt(signal);
    } catch (error) {
      failure = asError(error);
    }
    const atNs = clock.nowNs();
    await wake.wait(backoff.next(), clock, signal);
    if (!signal.aborted) options.ended(failure, atNs);
  }
}
