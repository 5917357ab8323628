import type { SendOutcome } from "./sender.ts";

/** A sender's requests in flight. Disposing aborts them, and waits until the last has ended. */
export class InFlight implements AsyncDisposable {
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  /** Runs a request, which is aborted by its time limit, its signal, or disposal. */
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

/** Aborts a request at its time limit, or when one of its signals aborts. */
export class SendLimit implements Disposable {
  readonly #end = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #signals: readonly AbortSignal[];
  readonly #timeoutMs: number;
  #why: "timeout" | "aborted" | undefined;

  constructor(timeoutMs: number, signals: readonly AbortSignal[]) {
    this.#timeoutMs = timeoutMs;
    this.#signals = signals;
    this.#timer = setTimeout(() => this.#stop("timeout"), timeoutMs);
    for (const signal of signals) {
      if (signal.aborted) this.#abort();
      else signal.addEventListener("abort", this.#abort, { once: true });
    }
  }

  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Returns the outcome of a request that was aborted; undefined if it wasn't. */
  ended(): SendOutcome | undefined {
    if (this.#why === undefined) return undefined;
    const message =
      this.#why === "timeout"
        ? `the endpoint didn't answer in ${this.#timeoutMs} ms`
        : "the request was aborted";
    return { kind: "retry", reason: this.#why, message, afterMs: undefined };
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    for (const signal of this.#signals) signal.removeEventListener("abort", this.#abort);
  }

  #abort = (): void => this.#stop("aborted");

  #stop(why: "timeout" | "aborted"): void {
    this.#why ??= why;
    this.#end.abort();
  }
}
