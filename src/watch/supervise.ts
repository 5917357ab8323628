import { asError } from "../domain/as-error.ts";
import type { Clock } from "../domain/clock.ts";
import type { Backoff } from "./backoff.ts";

export interface SuperviseOptions {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly backoff: Backoff;
  /** Cuts a wait short when it is woken. */
  readonly wake?: Wake;
  /**
   * An attempt ended, by itself or by `error`. Told after the wait, and only where the next attempt
   * follows: an end that the signal explains is none.
   */
  ended(error: Error | undefined): void;
}

/** Lets somebody end a wait early, because there is reason to think that it would succeed now. */
export class Wake {
  #listener: (() => void) | undefined;

  wake(): void {
    this.#listener?.();
  }

  /** Waits for `ms` milliseconds, a wake, or the signal, whichever is first. Never rejects. */
  async wait(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
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
    try {
      await attempt(signal);
    } catch (error) {
      failure = asError(error);
    }
    await wake.wait(backoff.next(), clock, signal);
    if (!signal.aborted) options.ended(failure);
  }
}
