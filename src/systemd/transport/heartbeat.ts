import type { Clock } from "../../domain/clock.ts";
import { atMost } from "../../platform/time/at-most.ts";

/** Time without a word of systemd, or without the answer to a call, after which it is called. */
export const HEARTBEAT_MS = 15_000;
/** The calls of all nodes come at multiples of this time, so that they wake the process together. */
const GRID_MS = 5_000;
/** Time that it has to answer. */
export const ANSWER_MS = 10_000;
/** Time that a reload or a re-execution may take: as long as systemd lets a generator run. */
export const RELOAD_MS = 90_000;
/** Time in which the way to systemd has to prove that it works. */
export const CONFIRM_MS = 5_000;

export interface HeartbeatOptions {
  readonly clock: Clock;
  /** Returns for how long a call has had no answer; 0 if none waits for one. Default: none ever does. */
  readonly waitingMs?: () => number;
  /** Default: {@link HEARTBEAT_MS}. */
  readonly intervalMs?: number;
  /** Resolves when systemd answers. Rejects if it isn't there, or can't be called. */
  readonly ping: () => Promise<unknown>;
  /**
   * Calls whatever is before systemd, to see that the way works; rejects if it doesn't, and then nothing is
   * known of systemd. Default: nothing is before it.
   */
  readonly confirm?: () => Promise<unknown>;
  /** Returns true while systemd can't answer, and nothing of it can change. Default: never. */
  readonly isPaused?: (() => boolean) | undefined;
  /** Returns true while systemd reloads. */
  readonly isReloading: () => boolean;
  /** Called when systemd doesn't answer (true), and when it does again (false). */
  readonly silence: (isActive: boolean) => void;
}

/**
 * Finds a systemd that hangs behind an open stream: one that sends nothing is called from time to time.
 * The stream stays open, since a systemd that goes on sends all that it has to.
 */
export class Heartbeat implements Disposable {
  readonly #options: HeartbeatOptions;
  readonly #end = new AbortController();
  readonly #ended = Promise.withResolvers<void>();
  #heardAtMs: number;
  #isSilent = false;
  #hasBegun = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#heardAtMs = options.clock.monotonicMs();
  }

  /** Begins, if it hasn't. */
  begin(): void {
    this.#heardAtMs = this.#options.clock.monotonicMs();
    if (this.#hasBegun || this.#end.signal.aborted) return;
    this.#hasBegun = true;
    void this.#run();
  }

  /** systemd has sent something. */
  heard(): void {
    this.#heardAtMs = this.#options.clock.monotonicMs();
    if (!this.#isSilent) return;
    this.#isSilent = false;
    this.#options.silence(false);
  }

  [Symbol.dispose](): void {
    this.#end.abort();
    this.#ended.resolve();
  }

  async #run(): Promise<void> {
    const { clock, isPaused = () => false, waitingMs = () => 0 } = this.#options;
    const { intervalMs = HEARTBEAT_MS } = this.#options;
    const { signal } = this.#end;
    let waitMs = intervalMs;
    while (!signal.aborted) {
      const nowMs = clock.monotonicMs();
      const atMs = Math.floor((nowMs + waitMs) / GRID_MS) * GRID_MS;
      await clock.sleep(atMs - nowMs, signal).catch(() => {});
      const quietMs = Math.max(clock.monotonicMs() - this.#heardAtMs, waitingMs());
      waitMs = intervalMs;
      if (signal.aborted || isPaused()) continue;
      // A silent one is called until it answers.
      if (quietMs < intervalMs - GRID_MS && !this.#isSilent) waitMs = intervalMs - quietMs;
      else await this.#beat();
    }
  }

  /** Calls systemd; resolves when the call has ended. */
  async #beat(): Promise<void> {
    const { clock, ping, confirm = async () => {}, silence } = this.#options;
    const { isPaused = () => false, isReloading } = this.#options;
    const begunMs = clock.monotonicMs();
    const call = { hasEnded: false };
    const answered = ping().then(
      () => this.heard(),
      () => {},
    );
    const ended = Promise.race([
      answered.then(() => void (call.hasEnded = true)),
      this.#ended.promise,
    ]);
    while (!call.hasEnded) {
      const sinceMs = clock.monotonicMs();
      const isOver = (): boolean => call.hasEnded || isPaused() || this.#heardAtMs > sinceMs;
      await atMost(ANSWER_MS, clock, ended);
      if (this.#end.signal.aborted) return;
      // It answers only after a pause, and whatever it sends shows that it runs.
      if (this.#isSilent || isOver()) continue;
      if (isReloading() && clock.monotonicMs() - begunMs < RELOAD_MS) continue;
      const proof = confirm().then(
        () => true,
        () => false,
      );
      // An answer on its way arrives within this time, also after a pause.
      await atMost(CONFIRM_MS, clock, ended);
      if (this.#end.signal.aborted) return;
      if (isOver()) continue;
      if ((await atMost(0, clock, proof)) === false) return;
      this.#isSilent = true;
      silence(true);
    }
  }
}
