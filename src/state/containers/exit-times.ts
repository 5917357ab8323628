import type { ContainerDetails } from "../../domain/container.ts";

/** Exits between two inspections whose times are kept. */
const MAX_EXITS = 64;

type RunFacts = Pick<ContainerDetails, "status" | "startedAtNs" | "finishedAtNs">;

/**
 * Dates policy restarts. The engine keeps their number alone, and counts one at the exit that leads
 * to it: so each has the time of its exit.
 */
export class ExitTimes {
  /** Exits since the last inspection, oldest first: Unix nanoseconds. */
  #exitsNs: bigint[] = [];

  /** Takes an exit that was counted. */
  exited(timeNs: bigint): void {
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
    const { fresh, startedBeforeNs } = context;
    const exitsNs = this.#exitsNs;
    if (!fresh) {
      this.#exitsNs = exitsNs.slice(restarts);
      return withUnknown(restarts, exitsNs.slice(0, restarts), exitNs(details, startedBeforeNs));
    }
    this.#exitsNs = [];
    if (restarts === 0) return [];
    // The last exit led to no restart if there were more exits, and it doesn't run again.
    const isOver = !isRestarted(details) && exitsNs.length > restarts;
    const led = isOver ? exitsNs.slice(0, -1) : exitsNs;
    return withUnknown(restarts, led.slice(-restarts), exitNs(details, startedBeforeNs));
  }
}

/** Completes the known times, which are the newest: those before are earlier by a nanosecond each. */
function withUnknown(count: number, knownNs: readonly bigint[], newestNs: bigint): bigint[] {
  const timesNs = [...knownNs];
  if (timesNs.length === 0 && count > 0) timesNs.push(newestNs);
  while (timesNs.length < count) timesNs.unshift((timesNs[0] ?? newestNs) - 1n);
  return timesNs;
}

/** Returns the time of the newest restart if no exit is known: of its exit, else of its start. */
function exitNs(
  { startedAtNs, finishedAtNs, ...facts }: RunFacts,
  startedBeforeNs: bigint,
): bigint {
  const isExitOfRestart = isRestarted(facts) || startedAtNs <= startedBeforeNs;
  return isExitOfRestart && finishedAtNs > 0n ? finishedAtNs : startedAtNs;
}

function isRestarted({ status }: Pick<RunFacts, "status">): boolean {
  return status === "running" || status === "paused" || status === "restarting";
}
