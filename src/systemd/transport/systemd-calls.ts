import type { Clock } from "../../domain/clock.ts";
import { atMost } from "../../platform/time/at-most.ts";
import type { CallRequest, DBusConnection } from "../dbus/connection.ts";
import { DBusError, DBusProtocolError } from "../dbus/errors.ts";
import type { Message } from "../dbus/message.ts";
import type { DbusSignals } from "./systemd-signals.ts";

/** Errors of a bus for a call whose receiver has left it, or has no name at the moment. */
const RECEIVER_LOST = new Set(
  ["NoReply", "Disconnected", "NameHasNoOwner", "ServiceUnknown"].map(
    (name) => `org.freedesktop.DBus.Error.${name}`,
  ),
);
/** Most times that a call is repeated because systemd executed itself again. */
const MAX_REPEATS = 8;
/** Calls without an answer yet: with those of the readings fewer than 128, which dbus-daemon permits. */
const MAX_CALLS = 100;
/** Longest wait for systemd's next name before a call is repeated. */
const NEXT_OWNER_MS = 5_000;

export interface SystemdCallsOptions {
  readonly connection: DBusConnection;
  readonly clock: Clock;
  /** Of the bus that systemd can leave for a moment; undefined without a bus. */
  readonly signals: DbusSignals | undefined;
  /** Called with each answer of systemd, before it is read. */
  readonly heard: () => void;
}

/** A call without an answer yet. */
interface WaitingCall {
  readonly sentAtMs: number;
  readonly lost: () => void;
}

/**
 * The calls to systemd over one connection. They have no time limits of their own, since a systemd that is
 * slow, or hangs for a while, answers all of them in the end.
 */
export class SystemdCalls {
  readonly #options: SystemdCallsOptions;
  /** Calls of {@link ask} without an answer yet, and those that wait for one to be answered, in order. */
  #asked = 0;
  readonly #queue: (() => void)[] = [];
  /** Calls that systemd hasn't answered, the oldest first. */
  readonly #waiting = new Set<WaitingCall>();

  constructor(options: SystemdCallsOptions) {
    this.#options = options;
  }

  /** For how long the oldest call has waited for its answer; 0 if none waits. */
  get waitingMs(): number {
    const [oldest] = this.#waiting;
    return oldest === undefined ? 0 : this.#options.clock.monotonicMs() - oldest.sentAtMs;
  }

  /** Calls systemd, in the order of these calls: when no more than {@link MAX_CALLS} are unanswered. */
  async ask<T>(request: CallRequest, read: (reply: Message) => T): Promise<T> {
    if (this.#asked < MAX_CALLS) this.#asked += 1;
    else await new Promise<void>((resolve) => this.#queue.push(resolve));
    try {
      return await this.#askNow(request, read);
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#asked -= 1;
      else next();
    }
  }

  /**
   * Makes a call that systemd answers at once. systemd answers in the order of the calls: those from before
   * that have no answer by then never get one, and are rejected.
   */
  async ping(request: CallRequest): Promise<void> {
    const earlier = [...this.#waiting];
    await this.#askNow(request, () => {});
    for (const call of earlier) if (this.#waiting.has(call)) call.lost();
  }

  /** Calls systemd, or its bus with a time limit, and never repeats the call. */
  async once<T>(request: CallRequest, read: (reply: Message) => T): Promise<T> {
    const { connection, clock, heard } = this.#options;
    if (request.timeoutMs !== undefined) return connection.call(request, read);
    const lost = Promise.withResolvers<never>();
    const what = `no reply to ${request.interface}.${request.member}, but to a later call`;
    const call: WaitingCall = {
      sentAtMs: clock.monotonicMs(),
      lost: () => lost.reject(new DBusProtocolError("timeout", what)),
    };
    this.#waiting.add(call);
    const answered = connection.call({ ...request, timeoutMs: Infinity }, (reply) => {
      heard();
      return read(reply);
    });
    try {
      return await Promise.race([answered, lost.promise]);
    } finally {
      this.#waiting.delete(call);
    }
  }

  /**
   * Calls systemd. A call that it didn't answer because it executed itself again is repeated, as soon
   * as it has a name; none of these calls changes anything.
   */
  async #askNow<T>(request: CallRequest, read: (reply: Message) => T): Promise<T> {
    const { signals } = this.#options;
    for (let repeats = 0; ; repeats += 1) {
      const owners = signals?.owners ?? 0;
      try {
        return await this.once(request, read);
      } catch (error) {
        const isLost = error instanceof DBusError && RECEIVER_LOST.has(error.name);
        if (signals === undefined || !isLost || repeats >= MAX_REPEATS) throw error;
        await this.#nextOwner(signals, owners);
      }
    }
  }

  /** Resolves when systemd has another name than when `owners` were seen, or after a while. */
  async #nextOwner(signals: DbusSignals, owners: number): Promise<void> {
    const { clock, connection } = this.#options;
    const next = signals.nextOwner(owners);
    await atMost(NEXT_OWNER_MS, clock, Promise.race([next, connection.closed]));
  }
}
