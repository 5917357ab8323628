import type { Clock } from "../../domain/clock.ts";
import type { ContainerDetails } from "../../domain/container.ts";
import type { Inspection, Uninspected } from "../../domain/engine-source.ts";
import { Backoff, STREAM_BACKOFF } from "../../platform/time/backoff.ts";
import { Wake } from "../../platform/time/supervise.ts";

export interface DetailsRetryOptions {
  readonly inspect: (ids: readonly string[]) => Promise<Inspection>;
  /** `fresh` is false where something happened to the container since it was asked about. */
  readonly fold: (details: ContainerDetails, fresh: boolean) => void;
  /** It can't be inspected still. */
  readonly unreadable: (failure: Uninspected, fresh: boolean) => void;
  /** The question failed as a whole; it will be asked again. */
  readonly failed: (error: unknown) => void;
  /** Something happened to it meanwhile: it is to be asked about again, as any other. */
  readonly again: (id: string) => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Containers that are asked about at a time: each may hold a connection for long. */
const AT_ONCE = 4;

/** A container that couldn't be inspected. */
class Unreadable {
  readonly backoff = new Backoff(STREAM_BACKOFF);
  readonly wake = new Wake();
  /** Nothing happened to it since it was asked about. */
  isFresh = true;
}

/**
 * Asks for the details of containers that couldn't be inspected, each by itself and ever more
 * rarely, so that none of them holds up the others; sooner where something happens to it.
 */
export class DetailsRetry {
  readonly #options: DetailsRetryOptions;
  readonly #byId = new Map<string, Unreadable>();
  readonly #running = new Set<Promise<void>>();
  readonly #waiting: (() => void)[] = [];
  #asking = 0;

  constructor(options: DetailsRetryOptions) {
    this.#options = options;
  }

  has(id: string): boolean {
    return this.#byId.has(id);
  }

  add(id: string): void {
    if (this.#byId.has(id)) return;
    const container = new Unreadable();
    this.#byId.set(id, container);
    const run = this.#run(id, container);
    this.#running.add(run);
    void run.finally(() => this.#running.delete(run));
  }

  /** Something happened to it: an answer that is under way may not know of it. */
  happened(id: string): void {
    const container = this.#byId.get(id);
    if (container !== undefined) container.isFresh = false;
  }

  /** The same, and inspect knows more of that; or everything is to be looked at. */
  request(id: string): void {
    this.happened(id);
    this.#byId.get(id)?.wake.wake();
  }

  gone(id: string): void {
    this.#byId.get(id)?.wake.wake();
    this.#byId.delete(id);
  }

  /** Resolves when the signal has ended all. */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #run(id: string, container: Unreadable): Promise<void> {
    const { clock, signal, fold, again, unreadable } = this.#options;
    const isOver = (): boolean => signal.aborted || this.#byId.get(id) !== container;
    while (!isOver()) {
      await container.wake.wait(container.backoff.next(), clock, signal);
      await this.#turn();
      try {
        if (isOver()) return;
        container.wake.answered();
        container.isFresh = true;
        const answer = await this.#ask(id);
        if (isOver()) return;
        const [failure] = answer?.failures ?? [];
        if (failure !== undefined) unreadable(failure, container.isFresh);
        if (answer === undefined || failure !== undefined) continue;
        this.#byId.delete(id);
        // Where there is neither, it is gone.
        for (const details of answer.details) fold(details, container.isFresh);
        if (!container.isFresh) again(id);
      } finally {
        this.#pass();
      }
    }
  }

  /** Undefined where the engine can't be asked. */
  async #ask(id: string): Promise<Inspection | undefined> {
    const { inspect, failed, signal } = this.#options;
    try {
      return await inspect([id]);
    } catch (error) {
      if (!signal.aborted) failed(error);
      return undefined;
    }
  }

  async #turn(): Promise<void> {
    if (this.#asking < AT_ONCE) {
      this.#asking += 1;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    await promise;
  }

  #pass(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#asking -= 1;
    else next();
  }
}
