import type { Clock } from "../../domain/clock.ts";
import type { SystemdRunOptions, SystemdSource, TakeMessage } from "../../domain/systemd.ts";
import { DBusProtocolError } from "../dbus/errors.ts";
import type { JournalRecovery } from "../session/journal-recovery.ts";
import { SystemdSession } from "../session/systemd-session.ts";
import { type BusConnection, connectToBus } from "./bus-socket.ts";
import type { ContainerRootOptions } from "./container-root.ts";
import { expectedBus } from "./expected-bus.ts";
import { DbusTransport } from "./dbus-transport.ts";
import { SocketError } from "./socket-error.ts";

export interface SocketSourceOptions {
  /** Container id. */
  readonly container: string;
  /** Returns its PID 1 on the engine's host; 0 while that is unknown. */
  readonly pid: () => number;
  /** Returns the text of {@link ContainerRootOptions.process}. Default: there is none. */
  readonly process?: (() => string | undefined) | undefined;
  /** When it was started: Unix nanoseconds. Default: long ago. */
  readonly startedAtNs?: bigint | undefined;
  readonly clock: Clock;
  readonly journal: JournalRecovery;
  /** Returns false while the container may still boot. Default: always. */
  readonly hasBooted?: (() => boolean) | undefined;
  /** Returns true while the container is paused: its bus is silent then. Default: never. */
  readonly isPaused?: (() => boolean) | undefined;
  /** Folder of the host's processes. Default `/proc`. */
  readonly proc?: string | undefined;
}

/** End of the message when a peer didn't answer in the handshake. */
const NO_ANSWER = "before an answer to AUTH";
/** Connections that are cut before an answer, one after the other, while systemd stops. */
const STOPPING_CUTS = 3;
const CUT_PAUSE_MS = 100;
const FIRST_PAUSE_MS = 25;
const MAX_PAUSE_MS = 400;
/** Time in which a bus that is to come comes, or comes back. */
const BUS_LIMIT_MS = 5_000;
/** The same from the start of the container on, and while its systemd says that it boots or stops. */
const BOOT_LIMIT_MS = 30_000;
const TRANSITION_LIMIT_MS = 90_000;
/** Time in which the engine reports the PID 1 of a container that it has just started. */
const PID_LIMIT_MS = 5_000;

/**
 * A container's systemd over its bus, connected to through the host's /proc: no process is started in
 * the container, and the engine isn't asked.
 */
export class SocketSource implements SystemdSource {
  readonly #options: SocketSourceOptions;
  /** The newest PID 1 that this host had. */
  #seenPid = 0;
  /** Since when its bus has been absent; undefined while it isn't. */
  #absentSinceMs: number | undefined;
  /** Since when this attempt, or those before it that found no bus, have gone on. */
  #triedSinceMs = 0;

  constructor(options: SocketSourceOptions) {
    this.#options = options;
  }

  /** @throws SocketError if the connection failed */
  async run(take: TakeMessage, options: SystemdRunOptions): Promise<void> {
    try {
      await this.#watch(take, options);
    } catch (error) {
      if (!options.signal.aborted) throw error;
    }
  }

  async #watch(take: TakeMessage, run: SystemdRunOptions): Promise<void> {
    const { clock, journal } = this.#options;
    const { signal } = run;
    this.#triedSinceMs = this.#absentSinceMs ?? clock.monotonicMs();
    this.#absentSinceMs = undefined;
    try {
      const transport = await this.#open(take, signal);
      this.#absentSinceMs = undefined;
      await new SystemdSession(transport, { ...run, take, journal, clock }).run();
    } catch (error) {
      if (signal.aborted || !(error instanceof DBusProtocolError)) throw error;
      throw this.#faultOf(error);
    }
  }

  /**
   * Opens the bus. While the socket of a bus waits to be stopped, systemd accepts each connection and
   * cuts it: then systemd stops, which the bus, the first to end, may not have reported.
   */
  async #open(take: TakeMessage, signal: AbortSignal): Promise<DbusTransport> {
    const { clock, isPaused } = this.#options;
    for (let cuts = 1; ; cuts += 1) {
      const { stream, uid } = await this.#connect(signal);
      try {
        const options = { target: "bus", name: "socket", uid, clock, isPaused, signal } as const;
        return await DbusTransport.connect(stream, options);
      } catch (error) {
        if (!isCut(error) || !expectedBus(this.#at()).isExpected) throw error;
        if (cuts === STOPPING_CUTS) {
          take({ kind: "manager", systemState: "stopping", timeNs: clock.nowNs() });
          throw error;
        }
      }
      await clock.sleep(CUT_PAUSE_MS, signal);
    }
  }

  #faultOf(error: DBusProtocolError): SocketError {
    const { isPaused = () => false } = this.#options;
    const fault = (verdict: SocketError["verdict"]): SocketError =>
      new SocketError(error.message, verdict, { cause: error });
    switch (error.code) {
      // A connection that was cut says nothing about the way.
      case "eof":
      case "stream":
      case "closed":
        return fault("outside");
      case "timeout":
        // Neither does a silence in a pause.
        if (isPaused()) return fault("outside");
        // systemd accepts for a bus that it has yet to start.
        if (!error.message.includes(NO_ANSWER)) return fault("broken");
        return fault(this.#mayCome(this.#at()) ? "outside" : "absent");
      default:
        return fault("broken");
    }
  }

  /** Connects; waits for a bus that is to come. */
  async #connect(signal: AbortSignal): Promise<BusConnection> {
    const { clock, isPaused = () => false } = this.#options;
    const startMs = clock.monotonicMs();
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
      signal.throwIfAborted();
      if (isPaused()) throw new SocketError("the container is paused", "outside");
      const at = this.#at();
      try {
        const connection = await connectToBus(at, signal);
        this.#seenPid = at.pid;
        return connection;
      } catch (error) {
        if (!(error instanceof SocketError)) throw error;
        const upMs = clock.monotonicMs() - startMs + pauseMs;
        if (!this.#mayChange(error, at, upMs)) throw this.#rated(error, at);
      }
      await clock.sleep(pauseMs, signal);
    }
  }

  #at(): ContainerRootOptions {
    const { container, pid, process, proc } = this.#options;
    const at = { container, pid: pid(), process: process?.() };
    return proc === undefined ? at : { ...at, proc };
  }

  /** True if another look, so long after the first, may find what is missing. */
  #mayChange({ verdict, isEarly }: SocketError, at: ContainerRootOptions, upMs: number): boolean {
    const { hasBooted = () => false } = this.#options;
    if (verdict === "absent") {
      this.#seenPid = at.pid;
      return this.#mayCome(at);
    }
    return isEarly && !hasBooted() && upMs < PID_LIMIT_MS;
  }

  /** True if the bus, which is absent, is to come soon. */
  #mayCome(at: ContainerRootOptions): boolean {
    const { clock, startedAtNs } = this.#options;
    this.#absentSinceMs = this.#triedSinceMs;
    const { isExpected, isInTransition } = expectedBus(at);
    if (!isExpected) return false;
    const absentMs = clock.monotonicMs() - this.#triedSinceMs;
    const limitMs = isInTransition ? TRANSITION_LIMIT_MS : BUS_LIMIT_MS;
    if (absentMs + MAX_PAUSE_MS <= limitMs) return true;
    if (startedAtNs === undefined) return false;
    return clock.nowMs() - Number(startedAtNs / 1_000_000n) < BOOT_LIMIT_MS;
  }

  /**
   * Takes a process that this host had, and doesn't have any more, for ended. A bus that isn't to come
   * stays absent.
   */
  #rated(error: SocketError, at: ContainerRootOptions): SocketError {
    const { message, verdict, isLasting } = error;
    const hasEnded = isLasting && at.pid > 0 && at.pid === this.#seenPid;
    if (hasEnded) return new SocketError(message, "outside", { cause: error });
    if (verdict !== "absent" || expectedBus(at).isExpected) return error;
    return new SocketError(message, verdict, { cause: error, isLasting: true });
  }
}

/** True if the peer ended the connection without a word. */
function isCut(error: unknown): boolean {
  if (!(error instanceof DBusProtocolError)) return false;
  return (error.code === "eof" || error.code === "stream") && error.message.endsWith(NO_ANSWER);
}
