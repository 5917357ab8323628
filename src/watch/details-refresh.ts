import type { ContainerDetails } from "../domain/container.ts";

export interface DetailsRefreshOptions {
  readonly inspect: (ids: readonly string[]) => Promise<readonly ContainerDetails[]>;
  /** `fresh` is false where something happened to the container since it was asked about. */
  readonly fold: (details: ContainerDetails, fresh: boolean) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Asks the engine for the details of containers to which something happened. One question is under
 * way at a time; what happens meanwhile waits for the next one, which asks for all at once.
 */
export class DetailsRefresh {
  readonly #options: DetailsRefreshOptions;
  #wanted = new Set<string>();
  #running: Promise<void> | undefined;

  constructor(options: DetailsRefreshOptions) {
    this.#options = options;
  }

  /** Something happened to the container. */
  request(id: string): void {
    this.#wanted.add(id);
    this.#running ??= this.#run();
  }

  /** True where a request came in that isn't answered yet. */
  wants(id: string): boolean {
    return this.#wanted.has(id);
  }

  /** Resolves when no question is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    // Events come in bursts: what came in this turn of the event loop goes into one question.
    await Promise.resolve();
    while (this.#wanted.size > 0) {
      const ids = [...this.#wanted];
      this.#wanted = new Set();
      try {
        for (const details of await this.#options.inspect(ids)) {
          this.#options.fold(details, !this.#wanted.has(details.identity.id));
        }
      } catch (error) {
        this.#options.failed(error);
      }
    }
    this.#running = undefined;
  }
}
