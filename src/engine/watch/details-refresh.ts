import type { ContainerDetails } from "../../domain/container.ts";
import type { Inspection, Uninspected } from "../../domain/engine-source.ts";

export interface DetailsRefreshOptions {
  readonly inspect: (ids: readonly string[]) => Promise<Inspection>;
  /** Folds details into the state; `fresh` is false if the container had an event since the request. */
  readonly fold: (details: ContainerDetails, fresh: boolean) => void;
  /** Hands over a container whose inspection failed: this class inspects it no more. */
  readonly unreadable: (failure: Uninspected, fresh: boolean) => void;
  /** Waits after a request that failed as a whole; resolves to true if it is to be repeated. */
  readonly failed: (error: unknown) => Promise<boolean>;
}

/**
 * Inspects containers after their events. One request is open at a time, so that no answer is folded
 * in after a newer one; containers that have events meanwhile go into the next request together.
 */
export class DetailsRefresh {
  readonly #options: DetailsRefreshOptions;
  #wanted = new Set<string>();
  /** Containers of the open request. */
  #requested: ReadonlySet<string> = new Set();
  /** Containers of the open request that were destroyed since. */
  readonly #gone = new Set<string>();
  /** False until the first request has succeeded; others wait for it. */
  #begun = false;
  #running: Promise<void> | undefined;

  constructor(options: DetailsRefreshOptions) {
    this.#options = options;
  }

  /**
   * Inspects these containers, and those requested before, in the first request.
   *
   * @throws if the request fails
   */
  async begin(ids: Iterable<string>): Promise<void> {
    for (const id of ids) this.#wanted.add(id);
    await this.#inspect();
    this.#begun = true;
    if (this.#wanted.size > 0) this.#running = this.#run();
  }

  /** Inspects the container again, after an event that lacks details. */
  request(id: string): void {
    this.#wanted.add(id);
    if (this.#begun) this.#running ??= this.#run();
  }

  /** Repeats an open request for the container: its answer may be older than the event. */
  happened(id: string): void {
    if (this.#requested.has(id) && !this.#gone.has(id)) this.request(id);
  }

  /** Ignores the container, which was destroyed, in the answer of an open request. */
  gone(id: string): void {
    this.#wanted.delete(id);
    if (this.#requested.has(id)) this.#gone.add(id);
  }

  /** Resolves when no request is open. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    // Events come in bursts: one request serves all containers of a burst.
    await Promise.resolve();
    while (this.#wanted.size > 0) {
      try {
        await this.#inspect();
      } catch (error) {
        if (!(await this.#options.failed(error))) break;
      }
    }
    this.#running = undefined;
  }

  async #inspect(): Promise<void> {
    const requested = this.#wanted;
    this.#requested = requested;
    this.#wanted = new Set();
    try {
      const { details: all, failures } = await this.#options.inspect([...requested]);
      for (const details of all) {
        const { id } = details.identity;
        if (!this.#gone.has(id)) this.#options.fold(details, !this.#wanted.has(id));
      }
      for (const failure of failures) {
        if (this.#gone.has(failure.id)) continue;
        this.#options.unreadable(failure, !this.#wanted.delete(failure.id));
      }
    } catch (error) {
      for (const id of requested) if (!this.#gone.has(id)) this.#wanted.add(id);
      throw error;
    } finally {
      this.#requested = new Set();
      this.#gone.clear();
    }
  }
}
