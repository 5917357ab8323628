import type { Clock } from "../../domain/clock.ts";
import type { InteractiveProcess } from "../../domain/runtime.ts";

/** How long a command in a container may take to end by itself before its connection is cut. */
const GOODBYE_MS = 2_000;

/** Ends a command in a container that heeds the end of its input. */
export class GracefulClose {
  readonly #process: InteractiveProcess;
  readonly #clock: Clock;
  #limit: Disposable | undefined;

  constructor(process: InteractiveProcess, clock: Clock) {
    this.#process = process;
    this.#clock = clock;
  }

  /** Ends its input, and cuts its connection where it doesn't end by that in time. */
  readonly say = (): void => {
    this.#process.stdin.end();
    this.#limit ??= this.#clock.setTimeout(() => this.#process.kill(), GOODBYE_MS);
  };

  /** Says it where that wasn't done, and resolves when the command is gone. */
  async heard(): Promise<void> {
    this.say();
    await this.#process.exited;
    this.#limit?.[Symbol.dispose]();
  }
}
