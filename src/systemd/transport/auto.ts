import type { Clock } from "../../domain/clock.ts";
import type {
  OpenStream,
  SystemdMessage,
  SystemdRunOptions,
  SystemdSource,
  TakeMessage,
} from "../../domain/systemd.ts";
import { GapError } from "../session/journal-recovery.ts";
import { verdictOf } from "./bridge-error.ts";
import { lastToSamePeer, Upgrade, type Way } from "./upgrade.ts";

/** Attempts over a way that is broken, before the next. */
const ATTEMPTS = 4;
/** Attempts over a bus that is absent while the node boots: it comes up in a second or so. */
const BOOT_ATTEMPTS = 2;

export interface AutoSourceOptions {
  readonly clock: Clock;
  /** Returns false while the container may still boot. Default: always. */
  readonly hasBooted?: () => boolean;
}

interface Attempt {
  readonly take: TakeMessage;
  readonly opened: (stream: OpenStream) => void;
  /** Keeps messages until the next `attached`. */
  readonly hold: (messages: readonly SystemdMessage[]) => void;
  readonly signal: AbortSignal;
}

/**
 * Watches over the best way that works. Only a failure of the way itself moves on to the next one,
 * at once if it is certain; what keeps unitwatch from the container altogether doesn't. A way that
 * worked comes first at the next attempt. Beside a worse way the better ones are tried again, and
 * take over.
 */
export class AutoSource implements SystemdSource {
  readonly #ways: readonly Way[];
  readonly #clock: Clock;
  readonly #hasBooted: () => boolean;
  /** Index of the way that the next attempt begins with. */
  #at = 0;
  /** Failures in a row of each way. */
  readonly #failures = new Map<number, number>();
  /** Latest error of each way since one worked, the newest last. */
  readonly #errors = new Map<number, Error>();

  constructor(ways: readonly Way[], { clock, hasBooted = () => false }: AutoSourceOptions) {
    this.#ways = ways;
    this.#clock = clock;
    this.#hasBooted = hasBooted;
  }

  async run(take: TakeMessage, { signal, opened = () => {} }: SystemdRunOptions): Promise<void> {
    if (this.#ways.length === 0) throw new Error("no transport to systemd is configured");
    let at: number | undefined = this.#at;
    let held: readonly SystemdMessage[] = [];
    // Messages of an earlier way belong into the gap that the next one closes.
    const taking: TakeMessage = (message) => {
      const reply = take(message);
      if (message.kind !== "attached") return reply;
      const earlier = held;
      held = [];
      for (const each of earlier) take(each);
      return reply;
    };
    const hold = (messages: readonly SystemdMessage[]): void => {
      held = messages;
    };
    while (at !== undefined && !signal.aborted) {
      at = await this.#attempt(at, { take: taking, hold, opened, signal });
    }
  }

  /**
   * Watches over one way until its stream ends. Resolves to the way to run at once, if any.
   *
   * @throws Error with the reason of each way that failed
   */
  async #attempt(at: number, { take, hold, opened, signal }: Attempt): Promise<number | undefined> {
    const way = this.#ways[at];
    if (way === undefined) return undefined;
    const { source, isBlind = false } = way;
    const better = this.#ways.slice(0, at);
    const upgrade =
      at === 0
        ? undefined
        : new Upgrade({ better, isBlind, take, opened, clock: this.#clock, signal });
    let worked = false;
    let error: unknown;
    try {
      await source.run(upgrade?.take ?? take, {
        signal: upgrade === undefined ? signal : AbortSignal.any([signal, upgrade.replaced]),
        opened: (stream) => {
          worked = true;
          this.#works(at);
          opened(stream);
          upgrade?.opened(stream);
        },
      });
    } catch (cause) {
      error = cause;
    }
    await upgrade?.stop();
    if (signal.aborted) return undefined;
    const taken = upgrade?.taken;
    if (taken !== undefined) {
      this.#works(taken.at);
      hold(taken.held);
      if (taken.run === undefined) return taken.at;
      await taken.run;
      return undefined;
    }
    if (worked && error === undefined) return undefined;
    const next = worked ? undefined : this.#failed(at, error);
    if (next !== undefined || error === undefined) return next;
    throw worked ? error : this.#failure(error);
  }

  #works(at: number): void {
    this.#at = at;
    this.#failures.clear();
    this.#errors.clear();
  }

  /** Returns the way to try at once. */
  #failed(at: number, error: unknown): number | undefined {
    if (error instanceof Error) {
      this.#errors.delete(at);
      this.#errors.set(at, error);
    }
    // If only the journal is unreadable, the way itself works.
    if (error instanceof GapError) {
      this.#at = at;
      this.#failures.clear();
      return undefined;
    }
    const verdict = verdictOf(error);
    const failures = (this.#failures.get(at) ?? 0) + 1;
    this.#failures.set(at, failures);
    switch (verdict) {
      case "outside":
        this.#failures.clear();
        return undefined;
      case "missing":
        return this.#moveOn(at);
      case "absent":
        if (at > 0) this.#at = 0;
        if (failures < BOOT_ATTEMPTS && !this.#hasBooted()) return undefined;
        return this.#nextSeeing(at);
      case "broken":
        if (failures < ATTEMPTS) return undefined;
        this.#failures.delete(at);
        this.#moveOn(at);
        return undefined;
      default:
        return verdict satisfies never;
    }
  }

  /** Makes the next way the first to try; returns it, unless it is the best one again. */
  #moveOn(at: number): number | undefined {
    this.#at = (at + 1) % this.#ways.length;
    return this.#at === 0 ? undefined : this.#at;
  }

  /** Returns the next way that needs no bus: without one, busctl is no way either. */
  #nextSeeing(at: number): number | undefined {
    const next = lastToSamePeer(this.#ways, at) + 1;
    const way = this.#ways[next];
    return way === undefined || way.isBlind === true ? undefined : next;
  }

  /** Returns an error with the latest reason of each way, the newest first. */
  #failure(error: unknown): unknown {
    if (this.#errors.size < 2) return error;
    const reasons = [...this.#errors.values()].toReversed().map((each) => each.message);
    return new Error([...new Set(reasons)].join("; "), { cause: error });
  }
}
