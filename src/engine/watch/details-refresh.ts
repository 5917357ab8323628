import type { ContainerDetails } from "../../domain/container.ts";
import type { Inspection, Uninspected } from "../../domain/engine-source.ts";

export interface DetailsRefreshOptions {
  readonly inspect: (ids: readonly string[]) => Promise<Inspection>;
  /** `fresh` is false where something happened to the container since it was asked about. */
  readonly fold: (details: ContainerDetails, fresh: boolean) => void;
  /** This container can't be inspected: from now on somebody else asks for it. */
  readonly unreadable: (failure: Uninspected, fresh: boolean) => void;
  /** A question failed. Waits as long as is due; resolves to whether to ask again. */
  readonly failed: (error: unknown) => Promise<boolean>;
}

/**
 * Asks the engine for the details of containers to which something happened. One question is under
 * way at a time, so that no answer is folded in after a newer one; what happens meanwhile waits for
 * the next question, which asks for all at once.
 */
export class DetailsRefresh {
  readonly #options: DetailsRefreshOptions;
  #wanted = new Set<string>();
  /** What the question under way is about. */
  #asked: ReadonlySet<string> = new Set();
  readonly #gone = new Set<string>();
  /** Requests wait for the first question of all. */
  #begun = false;
  #running: Promise<void> | undefined;

  constructor(options: DetailsRefreshOptions) {
    this.#options = options;
  }

  /**
   * The first question: about these containers, and those that were requested before. Rejects where
   * it fails.
   */
  async begin(ids: Iterable<string>): Promise<void> {
    for (const id of ids) this.#wanted.add(id);
    await this.#ask();
    this.#begun = true;
    if (this.#wanted.size > 0) this.#running = this.#run();
  }

  /** Something happened to the container, of which inspect knows more. */
  request(id: string): void {
    this.#wanted.add(id);
    if (this.#begun) this.#running ??= this.#run();
  }

  /** Something happened to the container: an answer that is under way may not know of it. */
  happened(id: string): void {
    if (this.#asked.has(id) && !this.#gone.has(id)) this.request(id);
  }

  /** The container is gone: an answer that is under way may still have it. */
  gone(id: string): void {
    this.#wanted.delete(id);
    if (this.#asked.has(id)) this.#gone.add(id);
  }

  /** Resolves when no question is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    // Events come in bursts: what comes with this one goes into the same question.
    await Promise.resolve();
    while (this.#wanted.size > 0) {
      try {
        await this.#ask();
      } catch (error) {
        if (!(await this.#options.failed(error))) break;
      }
    }
    this.#running = undefined;
  }

  async #ask(): Promise<void> {
    const asked = this.#wanted;
    this.#asked = asked;
    this.#wanted = new Set();
    try {
      const { details: all, failures } = await this.#options.inspect([...asked]);
      for (const details of all) {
        const { id } = details.identity;
        if (!this.#gone.has(id)) this.#options.fold(details, !this.#wanted.has(id));
      }
      for (const failure of failures) {
        if (this.#gone.has(failure.id)) continue;
        this.#options.unreadable(failure, !this.#wanted.delete(failure.id));
      }
    } catch (error) {
      for (const id of asked) if (!this.#gone.has(id)) this.#wanted.add(id);
      throw error;
    } finally {
      this.#asked = new Set();
      this.#gone.clear();
    }
  }
}
