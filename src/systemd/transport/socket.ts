import type { Clock } from "../../domain/clock.ts";
import type { SystemdRunOptions, SystemdSource, TakeMessage } from "../../domain/systemd.ts";
import { DBusProtocolError } from "../dbus/errors.ts";
import type { JournalRecovery } from "../session/journal-recovery.ts";
import { SystemdSession } from "../session/systemd-session.ts";
import { type BusConnection, connectToBus } from "./bus-socket.ts";
import { expectsBus } from "./expected-bus.ts";
import { DbusTransport } from "./dbus-transport.ts";
import { SocketError } from "./socket-error.ts";

export interface SocketSourceOptions {
  /** Container id. */
  readonly container: string;
  /** Returns its PID 1 on the engine's host; 0 while that is unknown. */
  readonly pid: () => number;
  readonly clock: Clock;
  readonly journal: JournalRecovery;
  /** Returns false while the container may still boot. Default: always. */
  readonly hasBooted?: (() => boolean) | undefined;
  /** Returns true while the container is paused: its bus is silent then. Default: never. */
  readonly isPaused?: (() => boolean) | undefined;
  /** Folder of the host's processes. Default `/proc`. */
  readonly proc?: string | undefined;
}

const FIRST_PAUSE_MS = 25;
const MAX_PAUSE_MS = 400;
/** Time in which a bus that is to come comes, or comes back. */
const BUS_LIMIT_MS = 5_000;
/** Time in which the engine reports the PID 1 of a container that it has just started. */
const PID_LIMIT_MS = 500;

/**
 * A container's systemd over its bus, connected to through the host's /proc: no process is started in
 * the container, and the engine isn't asked.
 */
export class SocketSource implements SystemdSource {
  readonly #options: SocketSourceOptions;

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
    const { clock, journal, isPaused = () => false } = this.#options;
    const { signal } = run;
    const { stream, uid } = await this.#connect(signal);
    try {
      const options = { target: "bus", name: "socket", uid, clock, signal } as const;
      const transport = await DbusTransport.connect(stream, options);
      await new SystemdSession(transport, { ...run, take, journal, clock }).run();
    } catch (error) {
      if (signal.aborted || !(error instanceof DBusProtocolError)) throw error;
      // A connection that was cut says nothing about the way; neither does a silence in a pause.
      const isCut = error.code === "eof" || error.code === "stream";
      const isOutside = isCut || (error.code === "timeout" && isPaused());
      throw new SocketError(error.message, isOutside ? "outside" : "broken", {
        cause: error,
      });
    }
  }

  /** Connects; waits for a bus that is to come. */
  async #connect(signal: AbortSignal): Promise<BusConnection> {
    const { clock, container, proc, isPaused = () => false } = this.#options;
    const startMs = clock.monotonicMs();
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
      signal.throwIfAborted();
      if (isPaused()) throw new SocketError("the container is paused", "outside");
      const pid = this.#options.pid();
      const at = { container, pid, ...(proc === undefined ? {} : { proc }) };
      try {
        return await connectToBus(at, signal);
      } catch (error) {
        if (!(error instanceof SocketError)) throw error;
        const upMs = clock.monotonicMs() - startMs + pauseMs;
        if (!this.#mayChange(error, upMs) || (error.verdict === "absent" && !expectsBus(at))) {
          throw error;
        }
      }
      await clock.sleep(pauseMs, signal);
    }
  }

  /** True if another look, so long after the first, may find what is missing. */
  #mayChange({ verdict, isEarly }: SocketError, upMs: number): boolean {
    const { hasBooted = () => false } = this.#options;
    if (verdict === "absent") return upMs < BUS_LIMIT_MS;
    return isEarly && !hasBooted() && upMs < PID_LIMIT_MS;
  }
}
