import type { Clock } from "../../domain/clock.ts";
import type { WaitGoal } from "../../domain/wait-goal.ts";
import { findingsOf } from "./findings.ts";
import type { Met, Missing, View } from "./findings.ts";

/** How the wait ended, and how long after its start. */
export type WaitOutcome =
  | { readonly kind: "true"; readonly met: readonly Met[]; readonly afterMs: number }
  | {
      /** The time limit; out of reach for good; aborted by the caller. */
      readonly kind: "time" | "final" | "ended";
      /** Not empty. */
      readonly missing: readonly Missing[];
      readonly afterMs: number;
    };

export interface WaiterOptions {
  readonly goal: WaitGoal;
  readonly view: View & {
    /** Reason why the known state may be outdated; undefined while the engine is watched. */
    readonly engine: () => Missing | undefined;
  };
  /** undefined: no limit. */
  readonly timeoutMs: number | undefined;
  /** True if a goal that is out of reach is waited for until the time limit. */
  readonly keepWaiting: boolean;
  readonly clock: Clock;
  /** When the process started: monotonic milliseconds. */
  readonly sinceMs: number;
  /** Called with what is missing after each check. */
  readonly checked?: (missing: readonly Missing[]) => void;
}

/**
 * How long a condition has to be out of reach to end the wait: a container that restarts is `exited`
 * for a moment, and a service that systemd restarts is `failed`.
 */
const FINAL_MS = 1_000;

/** Waits for a goal. The caller calls `check` after each change of the state. */
export class Waiter {
  readonly outcome: Promise<WaitOutcome>;
  readonly #options: WaiterOptions;
  readonly #settle: (outcome: WaitOutcome) => void;
  /** When each condition that is out of reach became so: monotonic milliseconds since the start. */
  #finalSinceMs = new Map<string, number>();
  #timer: Disposable | undefined;
  #limit: Disposable | undefined;
  #isOver = false;

  constructor(options: WaiterOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<WaitOutcome>();
    this.outcome = promise;
    this.#settle = resolve;
    if (options.timeoutMs !== undefined) this.#startLimit(options.timeoutMs);
  }

  /** Compares the state with the goal. Does nothing after the end. */
  check(): void {
    if (this.#isOver) return;
    const { met, missing } = this.#look();
    this.#options.checked?.(missing);
    if (missing.length === 0) this.#finish({ kind: "true", met, afterMs: this.#elapsedMs() });
    else if (!this.#options.keepWaiting) this.#judge(missing);
  }

  /** Ends the wait early. */
  end(): void {
    this.#end("ended");
  }

  #look(): { readonly met: readonly Met[]; readonly missing: readonly Missing[] } {
    const { goal, view } = this.#options;
    const engine = view.engine();
    const { met, missing } = findingsOf(goal, view);
    if (engine === undefined) return { met, missing };
    // The state may have changed since the engine was lost.
    const stale = missing.map(({ container, about, text }) => {
      return { container, about, text, isFinal: false };
    });
    return { met: [], missing: [engine, ...stale] };
  }

  #judge(missing: readonly Missing[]): void {
    const nowMs = this.#elapsedMs();
    const before = this.#finalSinceMs;
    this.#finalSinceMs = new Map();
    for (const { container, about, isFinal } of missing) {
      const key = `${container} ${about}`;
      if (isFinal) this.#finalSinceMs.set(key, before.get(key) ?? nowMs);
    }
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    if (this.#finalSinceMs.size === 0) return;
    const dueMs = Math.min(...this.#finalSinceMs.values()) + FINAL_MS;
    if (dueMs <= nowMs) this.#end("final");
    else this.#timer = this.#options.clock.setTimeout(() => this.check(), dueMs - nowMs);
  }

  #end(kind: "time" | "final" | "ended"): void {
    if (this.#isOver) return;
    const { met, missing } = this.#look();
    const afterMs = this.#elapsedMs();
    this.#finish(
      missing.length === 0 ? { kind: "true", met, afterMs } : { kind, missing, afterMs },
    );
  }

  /** Starts the time limit again if the timer fires early, as the clock cuts long delays. */
  #startLimit(timeoutMs: number): void {
    const leftMs = timeoutMs - this.#elapsedMs();
    this.#limit = this.#options.clock.setTimeout(
      () => {
        if (this.#elapsedMs() < timeoutMs) this.#startLimit(timeoutMs);
        else this.#end("time");
      },
      Math.max(0, leftMs),
    );
  }

  #finish(outcome: WaitOutcome): void {
    this.#isOver = true;
    this.#timer?.[Symbol.dispose]();
    this.#limit?.[Symbol.dispose]();
    this.#settle(outcome);
  }

  #elapsedMs(): number {
    return this.#options.clock.monotonicMs() - this.#options.sinceMs;
  }
}
