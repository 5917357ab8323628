import type { Clock } from "../../domain/clock.ts";
import type {
  SystemdRunOptions,
  SystemdSource,
  SystemdTransport,
  TakeMessage,
} from "../../domain/systemd.ts";
import { DBusProtocolError, wasCut } from "../dbus/errors.ts";
import type { JournalRecovery } from "../session/journal-recovery.ts";
import { SystemdSession } from "../session/systemd-session.ts";
import type { BusConnection } from "./bus-socket.ts";
import { DbusTransport } from "./dbus-transport.ts";
import { SocketError } from "./socket-error.ts";

export interface ConnectionSourceOptions {
  readonly target: "bus" | "private";
  /** Name of the transport. */
  readonly name: SystemdTransport;
  readonly open: (signal: AbortSignal) => Promise<BusConnection>;
  /** Throws what says more about a connection that failed at its begin. Default: the same. */
  readonly refused?: (error: unknown) => never;
  readonly journal: JournalRecovery;
  readonly clock: Clock;
  /** Returns true while the container is paused. Default: never. */
  readonly isPaused?: (() => boolean) | undefined;
}

/** A systemd over a connection that this process opens itself. */
export class ConnectionSource implements SystemdSource {
  readonly #options: ConnectionSourceOptions;

  constructor(options: ConnectionSourceOptions) {
    this.#options = options;
  }

  /** @throws SocketError if the connection failed */
  async run(take: TakeMessage, run: SystemdRunOptions): Promise<void> {
    const { signal } = run;
    try {
      await this.#watch(take, run);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof DBusProtocolError)) throw error;
      // A connection that was cut says nothing about the way.
      const verdict = wasCut(error) ? "outside" : "broken";
      throw new SocketError(error.message, verdict, { cause: error });
    }
  }

  async #watch(take: TakeMessage, run: SystemdRunOptions): Promise<void> {
    const { target, name, open, refused = rethrow, journal, clock, isPaused } = this.#options;
    const { signal } = run;
    const { stream, uid } = await open(signal);
    const options = { target, name, uid, clock, isPaused, signal };
    const transport = await DbusTransport.connect(stream, options).catch(refused);
    await new SystemdSession(transport, { ...run, take, journal, clock }).run();
  }
}

function rethrow(error: unknown): never {
  throw error;
}
