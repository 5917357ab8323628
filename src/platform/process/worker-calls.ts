import { parentPort, Worker } from "node:worker_threads";
import type { ResourceLimits } from "node:worker_threads";
import { asError } from "../data/as-error.ts";

/**
 * Calls to a worker thread, which answers them in their order by {@link answerCalls}. The thread
 * gets nothing of the process's environment and arguments.
 */
export class WorkerCalls<Request, Reply> {
  readonly #worker: Worker;
  readonly #pending: PromiseWithResolvers<Reply>[] = [];
  #ended: Error | undefined;

  /** @param module of the thread */
  constructor(module: URL, resourceLimits: ResourceLimits) {
    this.#worker = new Worker(module, { resourceLimits, env: {}, argv: [], execArgv: [] });
    this.#worker.on("message", (reply: Reply) => this.#pending.shift()?.resolve(reply));
    this.#worker.on("error", (error) => this.#end(asError(error)));
    this.#worker.on("exit", () => this.#end(new Error("its thread has ended")));
  }

  /** Calls without an answer yet. */
  get pending(): number {
    return this.#pending.length;
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  /** Rejects if the thread has failed or ended, or does so before it answers. */
  call(request: Request): Promise<Reply> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const answer = Promise.withResolvers<Reply>();
    this.#pending.push(answer);
    this.#worker.postMessage(request, []);
    return answer.promise;
  }

  /** Lets the process end while the thread runs. */
  unref(): void {
    this.#worker.unref();
  }

  /** Ends the thread. Pending and later calls reject, with `reason` if it is given. */
  async close(reason?: Error): Promise<void> {
    if (reason !== undefined) this.#end(reason);
    await this.#worker.terminate();
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#pending.splice(0)) reject(this.#ended);
  }
}

/**
 * Answers the calls to this thread. What `answer` throws ends the thread.
 *
 * @param answer takes and returns what the {@link WorkerCalls} of this thread send and expect
 */
export function answerCalls(answer: (request: never) => unknown): void {
  const port = parentPort;
  if (port === null) throw new Error("not a worker thread");
  port.on("message", (request) => port.postMessage(answer(request as never), []));
}
