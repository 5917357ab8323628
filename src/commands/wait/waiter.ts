import type { Clock } from "../../domain/clock.ts";
import type { WaitGoal } from "../../domain/wait-goal.ts";
import { findingsOf } from "./findings.ts";
import type { Met, Missing, View } from "./findings.ts";

/** How the wait came to an end, and how long after its beginning. */
export type WaitOutcome =
  | { readonly kind: "true"; readonly met: readonly Met[]; readonly afterMs: number }
  | {
      /** The time limit; nothing can come of it any more; somebody ended it. */
      readonly kind: "time" | "final" | "ended";
      /** Not empty. */
      readonly missing: readonly Missing[];
      readonly afterMs: number;
    };

export interface WaiterOptions {
  readonly goal: WaitGoal;
  readonly view: View & {
    /** Why nothing that is known can be relied on; undefined where it can. */
    readonly engine: () => Missing | undefined;
  };
  /** undefined: for ever. */
  readonly timeoutMs: number | undefined;
  /** True: nothing is given up before the time limit. */
  readonly keepWaiting: boolean;
  readonly clock: Clock;
  /** When it began, by the clock's monotonic time. */
  readonly sinceMs: number;
  /** Told what is missing, each time that it was looked. */
  readonly looked?: (missing: readonly Missing[]) => void;
}

/**
 * How long it has to be out of reach until it is given up: a restart passes through exited, and a
 * service that systemd restarts through failed.
 */
const FINAL_MS = 1_000;

/** Waits for a goal. It looks whenever it is told to, and each time that anything changed it has to be. */
export class Waiter {
  readonly outcome: Promise<WaitOutcome>;
  readonly #options: WaiterOptions;
  readonly #settle: (outcome: WaitOutcome) => void;
  /** Since when each of these has been out of reach, without a break. */
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

  /** Looks at what is so now. Does nothing once it is over. */
  check(): void {
    if (this.#isOver) return;
    const { met, missing } = this.#look();
    this.#options.looked?.(missing);
    if (missing.length === 0) this.#over({ kind: "true", met, afterMs: this.#elapsedMs() });
    else if (!this.#options.keepWaiting) this.#judge(missing);
  }

  /** Ends it from outside. */
  end(): void {
    this.#end("ended");
  }

  #look(): { readonly met: readonly Met[]; readonly missing: readonly Missing[] } {
    const { goal, view } = this.#options;
    const engine = view.engine();
    const { met, missing } = findingsOf(goal, view);
    if (engine === undefined) return { met, missing };
    // What was so when the engine was last heard of may have changed since.
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
    this.#over(missing.length === 0 ? { kind: "true", met, afterMs } : { kind, missing, afterMs });
  }

  /** A timer can be shorter than what was asked of it. */
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

  #over(outcome: WaitOutcome): void {
    this.#isOver = true;
    this.#timer?.[Symbol.dispose]();
    this.#limit?.[Symbol.dispose]();
    this.#settle(outcome);
  }

  #elapsedMs(): number {
    return this.#options.clock.monotonicMs() - this.#options.sinceMs;
  }
}
