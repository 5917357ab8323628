import type { Clock } from "../../domain/clock.ts";
import { someAtOnce } from "../data/some-at-once.ts";
import { atMost } from "./at-most.ts";

export interface QueryRoundsOptions {
  /** Reads once; {@link QueryRounds.answered} is called with each answer. A rejection ends the round. */
  readonly read: () => Promise<void>;
  readonly clock: Pick<Clock, "monotonicMs" | "setTimeout">;
}

/** Shortest time from the begin of one round to that of the next. */
const PERIOD_MS = 5_000;
/** A peer that is silent for so long within a round doesn't answer. */
const SILENCE_MS = 500;
/** Longest wait of a client for answers. */
const LIMIT_MS = 1_000;
/**
 * Peers that are queried at a time: what they answer in one turn of the event loop is read within
 * milliseconds. One that is silent for a while makes way for the next.
 */
const MAX_PEERS = 8;
const WAY_MS = 100;

/** Queries of one peer, in rounds, however many clients there are. */
export class QueryRounds {
  readonly #options: QueryRoundsOptions;
  /** The newest round; never rejects. */
  #round: Promise<void> = Promise.resolve();
  #isRunning = false;
  #begunMs = Number.NEGATIVE_INFINITY;
  /** Time of the newest answer of the newest round, or of its begin. */
  #answeredMs = Number.NEGATIVE_INFINITY;
  #hasAnswered = false;
  #failed = false;

  constructor(options: QueryRoundsOptions) {
    this.#options = options;
  }

  /** True if the newest answers may be shown: they are whole, or come in. */
  get isAnswering(): boolean {
    const isComing = this.#hasAnswered && this.#silentMs <= SILENCE_MS;
    return !this.#failed && (!this.#isRunning || isComing);
  }

  /** Resolves when the newest round is through. */
  get settled(): Promise<void> {
    return this.#round;
  }

  /** Resolves when the newest round is through, or the peer has been silent for so long in it. */
  async settledOrSilent(silenceMs: number): Promise<void> {
    const { clock } = this.#options;
    let leftMs = silenceMs;
    while (this.#isRunning && leftMs > 0) {
      await atMost(leftMs, clock, this.#round);
      leftMs = silenceMs - this.#silentMs;
    }
  }

  /** Begins a round if one is due. Returns how much longer its answers may be waited for, of `limitMs` in all. */
  begin(limitMs: number): number {
    const nowMs = this.#options.clock.monotonicMs();
    if (!this.#isRunning && nowMs - this.#begunMs >= PERIOD_MS) {
      this.#begunMs = nowMs;
      this.#answeredMs = nowMs;
      this.#hasAnswered = false;
      this.#isRunning = true;
      this.#failed = false;
      this.#round = this.#options.read().catch(() => {
        // Why is reported by the part that reads.
        this.#failed = true;
      });
      void this.#round.then(() => (this.#isRunning = false));
    }
    return Math.max(0, this.#begunMs + limitMs - nowMs);
  }

  /** Records an answer: the peer isn't silent. */
  answered(): void {
    this.#hasAnswered = true;
    this.#answeredMs = this.#options.clock.monotonicMs();
  }

  get #silentMs(): number {
    return this.#options.clock.monotonicMs() - this.#answeredMs;
  }
}

/** Begins the rounds that are due. Resolves when all are through, or after {@link LIMIT_MS}. */
export async function refreshRounds(
  peers: readonly QueryRounds[],
  clock: Pick<Clock, "setTimeout">,
): Promise<void> {
  const begun: Promise<unknown>[] = [];
  const slots = someAtOnce(peers, MAX_PEERS, async (rounds) => {
    const limitMs = rounds.begin(LIMIT_MS);
    if (limitMs <= 0) return;
    begun.push(atMost(limitMs, clock, rounds.settled));
    await rounds.settledOrSilent(WAY_MS);
  });
  await atMost(
    LIMIT_MS,
    clock,
    slots.then(() => Promise.all(begun)),
  );
}
