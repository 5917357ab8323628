import type { ServiceSignal, SystemdMessage, UnitSignal } from "../../domain/systemd.ts";

/** Messages that each side may hold, of each kind: as many as in a storm of a second or two. */
export const MAX_HELD = 50_000;

/**
 * Two streams of one systemd, of which the second takes over. Systemd sends each change on both, in
 * one order, and at any time one stream may be ahead of the other. So the second one's changes are
 * held until the first one has passed on all from before the second one opened; then those that the
 * first one passed on are dropped.
 */
export class Overlap {
  /** Changes that the first stream passed on since the second one began to open. */
  readonly #passed = new Set<string>();
  #held: (UnitSignal | ServiceSignal)[] = [];
  /** Service signals of each stream that wait for the Unit signal after them: both are one change. */
  readonly #passedServices = new Map<string, ServiceSignal>();
  readonly #services = new Map<string, ServiceSignal>();
  #attaches = 0;
  #isBroken = false;

  /** True if the second stream can't take over: one of them had a gap, or too much is held. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** The first stream passes on a message. */
  passes(message: SystemdMessage): void {
    if (message.kind === "attached") this.#abandon();
    if (this.#isBroken) return;
    if (message.kind === "service") {
      this.#passedServices.set(message.unit, { ...message });
      // Services without a Unit signal after them.
      if (this.#passedServices.size > MAX_HELD) this.#abandon();
    }
    if (message.kind !== "unit") return;
    // The second stream may open between the two signals of a change.
    this.#passed.add(keyOf(message, undefined));
    this.#passed.add(keyOf(message, this.#passedServices.get(message.unit)));
    this.#passedServices.delete(message.unit);
    if (this.#passed.size > MAX_HELD) this.#abandon();
  }

  /** Holds a message of the second stream; those that its listing repeats are dropped. */
  hold(message: SystemdMessage): void {
    if (message.kind === "attached") this.#attaches += 1;
    if (this.#attaches > 1) this.#abandon();
    if (this.#isBroken || (message.kind !== "unit" && message.kind !== "service")) return;
    // Its source may use the object for the next one.
    this.#held.push({ ...message });
    if (this.#held.length > MAX_HELD) this.#abandon();
  }

  /** Returns the held changes that the first stream didn't pass on, in order. */
  release(): readonly SystemdMessage[] {
    const held = this.#held;
    this.#held = [];
    return held.flatMap((message) => this.fresh(message));
  }

  /**
   * Returns a later message of the second stream, with what waited for it; none if it was passed on.
   * If too many Service signals wait, returns the oldest one: its Unit signal follows alone.
   */
  fresh(message: SystemdMessage): readonly SystemdMessage[] {
    if (message.kind === "service") {
      this.#services.set(message.unit, { ...message });
      return this.#services.size > MAX_HELD ? this.#oldest() : [];
    }
    if (message.kind !== "unit") return [message];
    const service = this.#services.get(message.unit);
    this.#services.delete(message.unit);
    if (this.#passed.has(keyOf(message, service))) return [];
    return service === undefined ? [message] : [service, message];
  }

  /** Returns what still waits, when no later message can be one that the first stream passed on. */
  rest(): readonly SystemdMessage[] {
    const services = [...this.#services.values()];
    this.#services.clear();
    return services;
  }

  #oldest(): readonly SystemdMessage[] {
    const [oldest] = this.#services.values();
    if (oldest === undefined) return [];
    this.#services.delete(oldest.unit);
    return [oldest];
  }

  #abandon(): void {
    this.#isBroken = true;
    this.#held = [];
    this.#passed.clear();
    this.#passedServices.clear();
  }
}

/** All that the two signals of a change say; repeated signals say the same. */
function keyOf(signal: UnitSignal, service: ServiceSignal | undefined): string {
  const { unit, activeState, subState, stateChangeNs, activeEnterNs, invocationId } = signal;
  const change = [unit, activeState, subState, stateChangeNs, activeEnterNs, invocationId];
  return [...change, service?.result, service?.restarts, service?.exitStatus].join(" ");
}
