import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { asError } from "../../platform/data/as-error.ts";
import type { Clock } from "../../domain/clock.ts";

/** A message to the worker. */
export interface BcryptQuestion {
  readonly id: number;
  readonly password: string;
  readonly hash: string;
}

/** And from it. */
export interface BcryptAnswer {
  readonly id: number;
  readonly matches: boolean;
}

/** Whether a password is the one of a bcrypt hash. */
export type CompareBcrypt = (password: string, hash: string) => Promise<boolean>;

/** How long the thread waits for more before it ends. */
export const IDLE_MS = 10_000;

/** The thread needs less than this by far; it can't take more. */
const MEMORY = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 };
/** Compiled, the worker's file is of another kind. */
const WORKER = new URL(`./bcrypt-worker${extname(import.meta.url)}`, import.meta.url);

/** Checks passwords in a thread that is there only while there is something to check. */
export class BcryptChecks {
  readonly #clock: Clock;
  readonly #waiting = new Map<number, PromiseWithResolvers<boolean>>();
  #worker: Worker | undefined;
  #idle: Disposable | undefined;
  #lastId = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True while the thread is there. */
  get isRunning(): boolean {
    return this.#worker !== undefined;
  }

  /** Checks are made in their order. Rejects where the thread fails. */
  readonly compare: CompareBcrypt = (password, hash) => {
    this.#idle?.[Symbol.dispose]();
    const id = (this.#lastId += 1);
    const answer = Promise.withResolvers<boolean>();
    this.#waiting.set(id, answer);
    this.#worker ??= this.#start();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
    this.#worker.postMessage({ id, password, hash } satisfies BcryptQuestion);
    return answer.promise;
  };

  /** Ends the thread; what it was to check is rejected. */
  async close(): Promise<void> {
    this.#idle?.[Symbol.dispose]();
    const worker = this.#worker;
    this.#end(new Error("the server is closed"));
    await worker?.terminate();
  }

  #start(): Worker {
    // It needs nothing of what the program was told.
    const worker = new Worker(WORKER, { resourceLimits: MEMORY, env: {}, argv: [], execArgv: [] });
    worker.on("message", ({ id, matches }: BcryptAnswer) => {
      this.#waiting.get(id)?.resolve(matches);
      this.#waiting.delete(id);
      if (this.#waiting.size > 0) return;
      this.#idle = this.#clock.setTimeout(() => void this.close(), IDLE_MS);
    });
    const fail = (error: unknown): void => {
      if (this.#worker === worker) this.#end(asError(error));
    };
    worker.on("error", fail);
    worker.on("exit", () => fail(new Error("the thread for passwords has ended")));
    worker.unref();
    return worker;
  }

  #end(why: Error): void {
    this.#worker = undefined;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(why);
  }
}
