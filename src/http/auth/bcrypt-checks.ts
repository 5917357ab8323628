import { extname } from "node:path";
import type { Clock } from "../../domain/clock.ts";
import { WorkerCalls } from "../../platform/process/worker-calls.ts";

/** A call to the worker, which answers whether they match. */
export interface BcryptRequest {
  readonly password: string;
  readonly hash: string;
}

/** Compares a password with a bcrypt hash. */
export type CompareBcrypt = (password: string, hash: string) => Promise<boolean>;

/** How long the thread runs without a request. */
export const IDLE_MS = 10_000;

/** The thread needs far less than this, and can't take more. */
const MEMORY = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 };
/** `.ts` in the source, `.js` in the build. */
const WORKER = new URL(`./bcrypt-worker${extname(import.meta.url)}`, import.meta.url);

/** Compares passwords in a worker thread, which runs only while there are some to compare. */
export class BcryptChecks {
  readonly #clock: Clock;
  #calls: WorkerCalls<BcryptRequest, boolean> | undefined;
  #idle: Disposable | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True while the thread runs. */
  get isRunning(): boolean {
    return this.#calls?.hasEnded === false;
  }

  /** Compares in the order of the calls. Rejects if the thread fails. */
  readonly compare: CompareBcrypt = async (password, hash) => {
    this.#idle?.[Symbol.dispose]();
    if (!this.isRunning) this.#calls = undefined;
    const calls = (this.#calls ??= this.#start());
    const matches = await calls.call({ password, hash });
    if (calls.pending === 0) {
      this.#idle?.[Symbol.dispose]();
      this.#idle = this.#clock.setTimeout(() => void this.close(), IDLE_MS);
    }
    return matches;
  };

  /** Ends the thread; pending comparisons reject. */
  async close(): Promise<void> {
    this.#idle?.[Symbol.dispose]();
    const calls = this.#calls;
    this.#calls = undefined;
    await calls?.close(new Error("the server is closed"));
  }

  #start(): WorkerCalls<BcryptRequest, boolean> {
    const calls = new WorkerCalls<BcryptRequest, boolean>(WORKER, MEMORY);
    calls.unref();
    return calls;
  }
}
