import { SendLimit } from "./send-limit.ts";

/** The requests under way of a sender. Disposing ends them, and waits until the last has ended. */
export class InFlight implements AsyncDisposable {
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  /** Runs a request, which ends at its time limit, by its own signal, or when this is disposed. */
  async run<T>(
    timeoutMs: number,
    signal: AbortSignal,
    work: (limit: SendLimit) => Promise<T>,
  ): Promise<T> {
    using limit = new SendLimit(timeoutMs, [signal, this.#closing.signal]);
    const running = work(limit);
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#running);
  }
}
