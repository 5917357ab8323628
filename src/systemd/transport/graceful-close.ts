import type { Clock } from "../../domain/clock.ts";
import type { InteractiveProcess } from "../../domain/runtime.ts";

/** Time a command in a container has to end by itself before its connection is cut. */
const LIMIT_MS = 2_000;

/**
 * Ends a command in a container by the end of its input, when `signal` aborts or on `begin`. If it
 * doesn't heed that in time, its connection is cut. Disposing waits until the command is gone.
 */
export class GracefulClose implements AsyncDisposable {
  readonly #process: InteractiveProcess;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #limit: Disposable | undefined;

  constructor(
    process: InteractiveProcess,
    { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
  ) {
    this.#process = process;
    this.#clock = clock;
    this.#signal = signal;
    if (signal.aborted) this.begin();
    else signal.addEventListener("abort", this.begin, { once: true });
  }

  readonly begin = (): void => {
    this.#process.stdin.end();
    this.#limit ??= this.#clock.setTimeout(() => this.#process.kill(), LIMIT_MS);
  };

  /** Begins it if that wasn't done, and resolves when the command is gone. */
  async finish(): Promise<void> {
    this.#signal.removeEventListener("abort", this.begin);
    this.begin();
    await this.#process.exited;
    this.#limit?.[Symbol.dispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.finish();
  }
}
