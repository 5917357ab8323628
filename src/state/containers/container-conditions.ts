import { signalName } from "../../domain/exit-status.ts";

/**
 * Cause of the end of a run: a request to stop it, which the engine carries out by signals; a signal
 * that was requested; the kernel, for lack of memory; or the program itself.
 */
export type EndedBy = "stop" | "kill" | "oom" | "itself";

export interface RunEnd {
  readonly by: EndedBy;
  /** Name of the newest signal that the engine was requested to send; undefined without one. */
  readonly signal: string | undefined;
}

/** Longest time from an exit to the event of the request that led to it: some engines send it last. */
const LATE_STOP_NS = 10_000_000_000n;
const SIGKILL_CODE = 137;
const SIGNAL_TEXT = /^(?:SIG)?[A-Z][A-Z0-9+-]{1,15}$/;

/** Since when a container is what it is, and why its last run ended. Times: Unix nanoseconds, 0n if unknown. */
export class ContainerConditions {
  healthSinceNs = 0n;
  pausedSinceNs = 0n;
  /** Newest kill for lack of memory; it outlives the run. */
  oomAtNs = 0n;
  /** Limit of its memory; 0 without one, or before it is known. */
  memoryLimitBytes = 0;
  /** undefined if it wasn't observed. */
  lastEnd: RunEnd | undefined = undefined;
  #signal: string | undefined = undefined;
  #isStopRequested = false;
  #isOom = false;

  started(): void {
    this.#signal = undefined;
    this.#isStopRequested = false;
    this.#isOom = false;
  }

  /** @param signal as the engine has it: a number, or a name */
  killRequested(signal = ""): void {
    if (/^\d{1,2}$/.test(signal)) this.#signal = signalName(Number(signal));
    else if (SIGNAL_TEXT.test(signal)) this.#signal = signal.replace(/^(?!SIG)/, "SIG");
  }

  /** @param endedAtNs when the last run ended; undefined while one is under way */
  stopRequested(timeNs: bigint, endedAtNs: bigint | undefined): void {
    if (endedAtNs === undefined) this.#isStopRequested = true;
    else if (this.lastEnd !== undefined && timeNs - endedAtNs < LATE_STOP_NS) {
      // A container that waits for its restart ended by itself, and is stopped only then.
      if (this.lastEnd.by === "kill") this.lastEnd = { ...this.lastEnd, by: "stop" };
    }
  }

  outOfMemory(timeNs: bigint): void {
    this.#isOom = true;
    this.oomAtNs = timeNs;
  }

  ended(exitCode: number | undefined): void {
    this.lastEnd = { by: this.#endedBy(exitCode), signal: this.#signal };
    this.started();
  }

  #endedBy(exitCode: number | undefined): EndedBy {
    if (this.#isStopRequested) return "stop";
    if (this.#signal !== undefined) return "kill";
    return this.#isOom && exitCode === SIGKILL_CODE ? "oom" : "itself";
  }
}
