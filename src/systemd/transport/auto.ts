import type { SystemdSource, TakeMessage } from "../../domain/systemd.ts";
import { BridgeError } from "./bridge-error.ts";
import { GapError } from "../session/journal-recovery.ts";

/** Attempts that a way is given before the next one: a node's bus is there after a second or so. */
const ATTEMPTS = 4;

export interface AutoSourceOptions {
  /** False while what isn't there may be there in a moment. Default: always so. */
  readonly hasBooted?: () => boolean;
}

/**
 * The best of several ways that can be had. Each gets some attempts, since a node may be booting;
 * a way that once stood is preferred until it fails as often, and the others then get one attempt
 * each before it is its turn again. The first one isn't waited for where it is not there, and the
 * node has long booted: the second is as good.
 */
export class AutoSource implements SystemdSource {
  readonly #ways: readonly SystemdSource[];
  readonly #hasBooted: () => boolean;
  #at = 0;
  #failures = 0;
  /** The way that stood last. */
  #stoodAt: number | undefined = undefined;
  readonly #errors = new Map<number, Error>();

  constructor(ways: readonly SystemdSource[], { hasBooted = () => false }: AutoSourceOptions = {}) {
    this.#ways = ways;
    this.#hasBooted = hasBooted;
  }

  async run(take: TakeMessage, options: { readonly signal: AbortSignal }): Promise<void> {
    const at = this.#at;
    const way = this.#ways[at];
    if (way === undefined) throw new Error("there is no way to watch systemd");
    let stood = false;
    const noticing: TakeMessage = (message) => {
      if (message.kind === "listed") stood = true;
      return take(message);
    };
    try {
      await way.run(noticing, options);
    } catch (error) {
      if (options.signal.aborted) return;
      if (error instanceof Error) this.#errors.set(at, error);
      // Where it is the journal that can't be read, the way itself is there.
      const stands = stood || error instanceof GapError;
      this.#failed(at, this.#isFinal(error), stands);
      throw this.#failure(error);
    }
    if (!options.signal.aborted) this.#failed(at, false, stood);
  }

  #isFinal(error: unknown): boolean {
    if (!(error instanceof BridgeError)) return false;
    const isFirst = this.#at === 0 && this.#stoodAt === undefined;
    return error.isFinal || (error.isAbsent && isFirst && this.#hasBooted());
  }

  #failed(at: number, isFinal: boolean, stood: boolean): void {
    if (stood) {
      this.#failures = 0;
      this.#stoodAt = at;
      return;
    }
    this.#failures += 1;
    const attempts = this.#stoodAt === undefined || this.#stoodAt === at ? ATTEMPTS : 1;
    if (!isFinal && this.#failures < attempts) return;
    this.#failures = 0;
    this.#at = (at + 1) % this.#ways.length;
  }

  /** Says why each way failed, the best one first. */
  #failure(error: unknown): unknown {
    if (this.#errors.size < 2) return error;
    const reasons = [...this.#errors.values()].map((each) => each.message);
    return new Error([...new Set(reasons)].join("; "), { cause: error });
  }
}
