import type { Clock } from "../../domain/clock.ts";
import type {
  OpenStream,
  SystemdMessage,
  SystemdReply,
  SystemdSource,
  TakeMessage,
} from "../../domain/systemd.ts";
import { verdictOf } from "./bridge-error.ts";
import { MAX_HELD, Overlap } from "./overlap.ts";
import { SocketError } from "./socket-error.ts";

/** One way to systemd. */
export interface Way {
  readonly source: SystemdSource;
  /** True if systemd may not send its signals there. */
  readonly isBlind?: boolean;
  /** Its peer; ways to the same one find it absent together. Default: one of its own. */
  readonly peer?: "bus" | "private";
  /** True if it runs no command in the container, and sees whether its peer is there. */
  readonly isDirect?: boolean;
}

export interface UpgradeOptions {
  /** Better ways than the one in use, the best first. */
  readonly better: readonly Way[];
  /** True for the way in use: what it missed is read from the journal. */
  readonly isBlind: boolean;
  readonly take: TakeMessage;
  /** Called with the stream that carries on. */
  readonly opened: (stream: OpenStream) => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A better way that has taken over. */
export interface Taken {
  /** Index among the better ways. */
  readonly at: number;
  /** The stream that goes on; undefined if the way has to be run. */
  readonly run: Promise<void> | undefined;
  /** Messages of the stream in use that follow the next `attached`. */
  readonly held: readonly SystemdMessage[];
}

const FIRST_WAIT_MS = 1_000;
const MAX_WAIT_MS = 20_000;
/** A bus that was absent shows by its unit; this finds one that doesn't. */
const MAX_ABSENT_WAIT_MS = 600_000;
/** Shortest wait after a sign of the bus. */
const SIGN_WAIT_MS = 100;
/** Limit of one attempt. */
const ATTEMPT_MS = 30_000;
/** Units whose start is a sign of the bus: dbus.socket, dbus-broker.service. */
const BUS_UNIT = /^dbus[^/]*\.(?:service|socket)$/;

/**
 * Beside a stream over a worse way, tries the better ways again and again, one at a time, and has the
 * first one that works take over. Where both ways carry all signals, they overlap and no change is
 * lost or sent twice. After a blind way the better one is run as after any gap.
 */
export class Upgrade {
  readonly #options: UpgradeOptions;
  /** Ends the attempts, and later the better stream. */
  readonly #end = new AbortController();
  readonly #signal: AbortSignal;
  /** Aborts when a better way has taken over. */
  readonly #replaced = new AbortController();
  #overlap: Overlap | undefined;
  /**
   * Signals that a blind way carries during an attempt, which makes systemd send them: applied before
   * the journal is read, they would hide what was missed before.
   */
  #held: SystemdMessage[] | undefined;
  #taken: Taken | undefined;
  #sought: Promise<void> | undefined;
  #sign: (() => void) | undefined;
  #hasSign = false;
  /** Attaches of the stream in use that aren't through. */
  #attaching = 0;
  /** Reply to its newest `attached`, as far as it holds for another stream too. */
  #attachReply: Pick<SystemdReply, "unitNames"> = {};

  constructor(options: UpgradeOptions) {
    this.#options = options;
    this.#signal = AbortSignal.any([options.signal, this.#end.signal]);
  }

  /** Ends the stream in use. */
  get replaced(): AbortSignal {
    return this.#replaced.signal;
  }

  get taken(): Taken | undefined {
    return this.#taken;
  }

  /** Takes the messages of the stream in use. */
  readonly take = (message: SystemdMessage): SystemdReply | undefined => {
    if (this.#replaced.signal.aborted) return undefined;
    if (message.kind === "attached") this.#attaching += 1;
    if (message.kind === "recovered") this.#attaching -= 1;
    if (this.#holds(message)) return undefined;
    this.#overlap?.passes(message);
    const reply = this.#options.take(message);
    if (message.kind === "attached" && reply?.unitNames !== undefined) {
      this.#attachReply = { unitNames: reply.unitNames };
    }
    if (showsBus(message)) {
      this.#hasSign = true;
      this.#sign?.();
    }
    return reply;
  };

  /** Begins to try, now that the stream in use is open. */
  readonly opened = (stream: OpenStream): void => {
    this.#sought ??= this.#seek(stream);
  };

  /** Ends the attempts; resolves when none is left. A better way that has taken over goes on. */
  async stop(): Promise<void> {
    if (this.#taken === undefined) this.#end.abort(new Error("the stream in use ended"));
    await this.#sought;
  }

  async #seek(stream: OpenStream): Promise<void> {
    const { better, isBlind } = this.#options;
    let waitMs = FIRST_WAIT_MS;
    while (!this.#signal.aborted) {
      await this.#wait(waitMs);
      let last: unknown;
      for (let at = 0; at < better.length && !this.#signal.aborted; at += 1) {
        last = await this.#try(at, stream).catch((error: unknown) => error);
        if (this.#taken !== undefined) return;
        const verdict = verdictOf(last);
        // The ways before a blind one are of one command, but for the one without a command.
        if (verdict === "missing" && better[at]?.isDirect !== true) break;
        if (verdict === "absent") at = lastToSamePeer(better, at);
      }
      const isRare =
        last instanceof SocketError ? last.isLasting : verdictOf(last) === "absent" && !isBlind;
      waitMs = Math.min(waitMs * 2, isRare ? MAX_ABSENT_WAIT_MS : MAX_WAIT_MS);
    }
  }

  /** Waits, but for a moment only after a sign of the bus. */
  async #wait(ms: number): Promise<void> {
    const { clock } = this.#options;
    const early = new AbortController();
    this.#sign = () => early.abort();
    if (this.#hasSign) early.abort();
    try {
      await clock.sleep(ms, AbortSignal.any([this.#signal, early.signal]));
    } catch {
      // It ended early.
    }
    this.#sign = undefined;
    if (this.#hasSign) await clock.sleep(SIGN_WAIT_MS, this.#signal).catch(() => {});
    this.#hasSign = false;
  }

  #holds(message: SystemdMessage): boolean {
    const held = this.#held;
    if (held === undefined || (message.kind !== "unit" && message.kind !== "service")) return false;
    // Its source may use the object for the next one.
    held.push({ ...message });
    if (held.length > MAX_HELD) this.#release();
    return true;
  }

  #release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const message of held) this.take(message);
  }

  /** @throws the error that says why this way can't take over */
  async #try(at: number, stream: OpenStream): Promise<undefined> {
    const { better, isBlind, clock } = this.#options;
    const way = better[at];
    if (way === undefined) return;
    const attempt = new AbortController();
    const signal = AbortSignal.any([this.#signal, attempt.signal]);
    const overlap = new Overlap();
    const opened = Promise.withResolvers<OpenStream>();
    // Set when it takes over; until then everything is held.
    let next: TakeMessage | undefined;
    const take: TakeMessage = (message) => {
      if (next !== undefined) return next(message);
      overlap.hold(message);
      return message.kind === "attached" ? this.#attachReply : {};
    };
    using _limit = clock.setTimeout(
      () => attempt.abort(new Error(`no stream in ${ATTEMPT_MS / 1000} s`)),
      ATTEMPT_MS,
    );
    if (isBlind) this.#held = [];
    else this.#overlap = overlap;
    const run = way.source.run(take, { signal, opened: opened.resolve });
    const over = run.then(() => {
      throw new Error("the stream ended");
    });
    try {
      const candidate = await Promise.race([opened.promise, over]);
      if (!isBlind) {
        // All from before the better stream is through then.
        await Promise.race([stream.relist(), over]);
        if (overlap.isBroken || this.#attaching > 0) throw new Error("the stream has a gap");
        signal.throwIfAborted();
        next = this.#follow(overlap, candidate);
        this.#takeOver({ at, run, held: [] });
        this.#options.opened(candidate);
        void candidate.relist().then(
          () => void (next = this.#after(overlap)),
          () => {},
        );
        return;
      }
    } catch (error) {
      attempt.abort(error);
      await run.catch(() => {});
      this.#release();
      throw error;
    } finally {
      this.#overlap = undefined;
    }
    attempt.abort(new Error("it works"));
    await run.catch(() => {});
    this.#takeOver({ at, run: undefined, held: this.#held ?? [] });
  }

  #takeOver(taken: Taken): void {
    this.#taken = taken;
    this.#replaced.abort(new Error("a better transport works"));
  }

  /** Passes on what is new of the better stream; returns the taker of what follows. */
  #follow(overlap: Overlap, { transport }: OpenStream): TakeMessage {
    const { take } = this.#options;
    take({ kind: "moved", transport });
    for (const message of overlap.release()) take(message);
    return (message) => {
      let reply: SystemdReply | undefined;
      for (const fresh of overlap.fresh(message)) reply = take(fresh);
      return reply;
    };
  }

  /** Returns the taker once the first stream's changes have all been met. */
  #after(overlap: Overlap): TakeMessage {
    const { take } = this.#options;
    for (const message of overlap.rest()) take(message);
    return take;
  }
}

/** Returns the last of the ways that have no other peer: if one sees that it is absent, so would they. */
export function lastToSamePeer(ways: readonly Way[], at: number): number {
  const way = ways[at];
  let last = at;
  if (way?.isDirect === true) while (ways[last + 1]?.peer === way.peer) last += 1;
  return last;
}

function showsBus(message: SystemdMessage): boolean {
  switch (message.kind) {
    case "unit":
      return message.activeState === "active" && BUS_UNIT.test(message.unit);
    case "listed":
    case "loaded":
      return message.rows.some(
        ({ name, activeState }) => activeState === "active" && BUS_UNIT.test(name),
      );
    default:
      return false;
  }
}
