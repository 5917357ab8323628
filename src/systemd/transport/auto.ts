import type { SystemdSource, TakeMessage } from "../../domain/systemd.ts";
import { BridgeError } from "./bridge-error.ts";
import { GapError } from "../session/journal-recovery.ts";

/** Attempts over one source before the next: a node's bus comes up in a second or so. */
const ATTEMPTS = 4;

export interface AutoSourceOptions {
  /** Returns false while the container may still boot. Default: always. */
  readonly hasBooted?: () => boolean;
}

/**
 * Watches over the best source that works. Each gets some attempts, since a node may be booting. A
 * source that worked is preferred until it fails as often; the others then get one attempt each
 * before its next turn. If the first is absent in a node that has booted, the second comes at once:
 * it is as good.
 */
export class AutoSource implements SystemdSource {
  readonly #sources: readonly SystemdSource[];
  readonly #hasBooted: () => boolean;
  #at = 0;
  #failures = 0;
  /** Index of the source that worked last. */
  #workedAt: number | undefined = undefined;
  readonly #errors = new Map<number, Error>();

  constructor(
    sources: readonly SystemdSource[],
    { hasBooted = () => false }: AutoSourceOptions = {},
  ) {
    this.#sources = sources;
    this.#hasBooted = hasBooted;
  }

  async run(take: TakeMessage, options: { readonly signal: AbortSignal }): Promise<void> {
    const at = this.#at;
    const source = this.#sources[at];
    if (source === undefined) throw new Error("no transport to systemd is configured");
    let worked = false;
    const noticing: TakeMessage = (message) => {
      if (message.kind === "listed") worked = true;
      return take(message);
    };
    try {
      await source.run(noticing, options);
    } catch (error) {
      if (options.signal.aborted) return;
      if (error instanceof Error) this.#errors.set(at, error);
      // If only the journal is unreadable, the source itself works.
      this.#ended(at, this.#isFinal(error), worked || error instanceof GapError);
      throw this.#failure(error);
    }
    if (!options.signal.aborted) this.#ended(at, false, worked);
  }

  #isFinal(error: unknown): boolean {
    if (!(error instanceof BridgeError)) return false;
    const isFirst = this.#at === 0 && this.#workedAt === undefined;
    return error.isFinal || (error.isAbsent && isFirst && this.#hasBooted());
  }

  #ended(at: number, isFinal: boolean, worked: boolean): void {
    if (worked) {
      this.#failures = 0;
      this.#workedAt = at;
      return;
    }
    this.#failures += 1;
    const attempts = this.#workedAt === undefined || this.#workedAt === at ? ATTEMPTS : 1;
    if (!isFinal && this.#failures < attempts) return;
    this.#failures = 0;
    this.#at = (at + 1) % this.#sources.length;
  }

  /** Returns an error with the reason of each source, the best source first. */
  #failure(error: unknown): unknown {
    if (this.#errors.size < 2) return error;
    const reasons = [...this.#errors.values()].map((each) => each.message);
    return new Error([...new Set(reasons)].join("; "), { cause: error });
  }
}
