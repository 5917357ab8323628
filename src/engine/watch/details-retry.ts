import type { Clock } from "../../domain/clock.ts";
import type { ContainerDetails } from "../../domain/container.ts";
import type { Inspection, Uninspected } from "../../domain/engine-source.ts";
import type { Logger } from "../../domain/log.ts";
import type { Publisher } from "../../state/event-bus.ts";
import { Backoff, STREAM_BACKOFF } from "../../platform/time/backoff.ts";
import { Wake } from "../../platform/time/supervise.ts";

export interface DetailsRetryOptions {
  readonly inspect: (ids: readonly string[]) => Promise<Inspection>;
  /** Folds details into the state; `fresh` is false if the container had an event since the request. */
  readonly fold: (details: ContainerDetails, fresh: boolean) => void;
  /** Handles another failure of the container. */
  readonly unreadable: (failure: Uninspected, fresh: boolean) => void;
  /** Handles a request that failed as a whole; it is repeated. */
  readonly failed: (error: unknown) => void;
  /** Inspects the container once more as an ordinary one: it had an event during the request. */
  readonly again: (id: string) => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Requests open at a time: each may hold a connection for long. */
const MAX_REQUESTS = 4;

/** A container whose last inspection failed. */
class Unreadable {
  readonly backoff = new Backoff(STREAM_BACKOFF);
  readonly wake = new Wake();
  /** True if it had no event since the request. */
  isFresh = true;
}

/**
 * Retries the inspection of containers that failed, each by itself with a growing delay, so that
 * none delays the others. An event of a container ends its delay.
 */
export class DetailsRetry {
  readonly #options: DetailsRetryOptions;
  readonly #byId = new Map<string, Unreadable>();
  readonly #running = new Set<Promise<void>>();
  /** Resolvers of runs that wait for a free request. */
  readonly #waiting: (() => void)[] = [];
  #open = 0;

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

  /** Marks the answer of an open request as older than an event. */
  happened(id: string): void {
    const container = this.#byId.get(id);
    if (container !== undefined) container.isFresh = false;
  }

  /** Inspects the container at once, after an event or for a snapshot. */
  request(id: string): void {
    this.happened(id);
    this.#byId.get(id)?.wake.wake();
  }

  /** Drops the container, which was destroyed. */
  gone(id: string): void {
    this.#byId.get(id)?.wake.wake();
    this.#byId.delete(id);
  }

  /** Resolves when every retry has ended; call after the signal has aborted. */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #run(id: string, container: Unreadable): Promise<void> {
    const { clock, signal, fold, again, unreadable } = this.#options;
    const isOver = (): boolean => signal.aborted || this.#byId.get(id) !== container;
    while (!isOver()) {
      await container.wake.wait(container.backoff.next(), clock, signal);
      await this.#acquire();
      try {
        if (isOver()) return;
        container.wake.answered();
        container.isFresh = true;
        const answer = await this.#inspect(id);
        if (isOver()) return;
        const [failure] = answer?.failures ?? [];
        if (failure !== undefined) unreadable(failure, container.isFresh);
        if (answer === undefined || failure !== undefined) continue;
        this.#byId.delete(id);
        // An answer without details or failure means that the container is gone.
        for (const details of answer.details) fold(details, container.isFresh);
        if (!container.isFresh) again(id);
      } finally {
        this.#release();
      }
    }
  }

  /** Returns undefined if the request fails as a whole. */
  async #inspect(id: string): Promise<Inspection | undefined> {
    const { inspect, failed, signal } = this.#options;
    try {
      return await inspect([id]);
    } catch (error) {
      if (!signal.aborted) failed(error);
      return undefined;
    }
  }

  async #acquire(): Promise<void> {
    if (this.#open < MAX_REQUESTS) {
      this.#open += 1;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    await promise;
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#open -= 1;
    else next();
  }
}

/** Counts each failed inspection, and logs each container whose inspection fails once. */
export class InspectFaults {
  readonly #log: Logger;
  readonly #bus: Publisher;
  /** Ids of containers that are logged as failing. */
  readonly #failing = new Set<string>();

  constructor(log: Logger, bus: Publisher) {
    this.#log = log;
    this.#bus = bus;
  }

  failed({ id, error, summary }: Uninspected): void {
    this.#bus.publish("parseError", { source: "inspect" });
    if (this.#failing.has(id)) return;
    this.#failing.add(id);
    this.#log.warn("container inspection failed, using its listing", {
      container: summary.identity.name,
      err: error,
    });
  }

  /** Logs that the inspection of a failing container has succeeded. */
  succeeded(id: string, container: string): void {
    if (this.#failing.delete(id)) this.#log.info("container inspection restored", { container });
  }

  gone(id: string): void {
    this.#failing.delete(id);
  }
}
