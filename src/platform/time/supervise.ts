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
   * Called when an attempt ended at `atNs` (Unix nanoseconds), by itself or by `error`: after the
   * wait, and only if the next attempt follows, not after the signal.
   */
  ended(error: Error | undefined, atNs: bigint): void;
}

/** Ends a wait early, when the next attempt is likely to succeed. */
export class Wake {
  #listener: (() => void) | undefined;
  #isDue = false;

  /** Ends the current wait; during an attempt, the wait that follows it. */
  wake(): void {
    this.#isDue = true;
    this.#listener?.();
  }

  /** Forgets an earlier `wake`, when an attempt begins that knows its reason. */
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
 * Runs `attempt` again and again, with the backoff's wait between, until `signal` aborts. A
 * successful attempt resets the backoff itself.
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
