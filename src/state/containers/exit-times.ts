import type { ContainerDetails } from "../../domain/container.ts";

/** Exits whose times are kept until a restart is dated by them. */
const MAX_EXITS = 64;

type RunFacts = Pick<ContainerDetails, "status" | "startedAtNs" | "finishedAtNs">;

/**
 * Dates policy restarts. The engine keeps their number alone, and counts one at the exit that leads
 * to it: so each has the time of its exit. That of the newest is in the same inspection, and those
 * before have had events.
 */
export class ExitTimes {
  /** Exits that dated no restart yet, oldest first: Unix nanoseconds. */
  #exitsNs: bigint[] = [];
  /** An exit that inspect gave, and whose event is still to come; 0n if none is. */
  #expectedNs = 0n;

  /** Takes an exit that was counted. */
  exited(timeNs: bigint): void {
    const isDated = this.#expectedNs > 0n && timeNs >= this.#expectedNs;
    this.#expectedNs = 0n;
    if (isDated) return;
    this.#exitsNs.push(timeNs);
    if (this.#exitsNs.length > MAX_EXITS) this.#exitsNs.shift();
  }

  /**
   * Returns the times of the newest `restarts` policy restarts, oldest first.
   *
   * @param context `fresh` is false if exits may have come since the inspection, `startedBeforeNs`
   *   is the start that was known before it
   */
  ofRestarts(
    restarts: number,
    details: RunFacts,
    context: { readonly fresh: boolean; readonly startedBeforeNs: bigint },
  ): readonly bigint[] {
    const exitsNs = this.#exitsNs;
    if (restarts === 0) {
      if (context.fresh) this.#exitsNs = [];
      return [];
    }
    const { atNs, isExit } = this.#newest(details, context.startedBeforeNs);
    const isSeen = exitsNs.includes(atNs);
    if (isExit && !isSeen) this.#expectedNs = atNs;
    this.#exitsNs = context.fresh && isSeen ? [] : exitsNs.filter((exitNs) => exitNs > atNs);
    const timesNs = [...exitsNs.filter((exitNs) => exitNs < atNs), atNs].slice(-restarts);
    const oldestNs = timesNs[0] ?? atNs;
    // Those without an event are earlier by a nanosecond each.
    const eventless = restarts - timesNs.length;
    const eventlessNs = Array.from(
      { length: eventless },
      (_, i) => oldestNs - BigInt(eventless - i),
    );
    return [...eventlessNs, ...timesNs];
  }

  /** Returns the time of the newest restart: that of its exit, or else of its start. */
  #newest(
    { status, startedAtNs, finishedAtNs }: RunFacts,
    startedBeforeNs: bigint,
  ): { readonly atNs: bigint; readonly isExit: boolean } {
    const exitsNs = this.#exitsNs;
    const isRestarted = status === "running" || status === "paused" || status === "restarting";
    if (!isRestarted) {
      // The last exit led to no restart, unless its restart was cancelled.
      const exitNs = exitsNs.findLast((timeNs) => timeNs < startedAtNs);
      if (exitNs !== undefined) return { atNs: exitNs, isExit: true };
      if (startedAtNs > startedBeforeNs) return { atNs: startedAtNs, isExit: false };
    }
    if (finishedAtNs === 0n) return { atNs: startedAtNs, isExit: false };
    // The event of an exit comes a moment later, and events come in order.
    const eventNs = exitsNs.find((timeNs) => timeNs >= finishedAtNs);
    return { atNs: eventNs ?? finishedAtNs, isExit: true };
  }
}
