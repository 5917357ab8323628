import { DBusConnection } from "../dbus/connection.ts";
import { DBusProtocolError } from "../dbus/errors.ts";
import type { Clock } from "../../domain/clock.ts";
import type { ProcessExit } from "../../domain/process.ts";
import type { ContainerRuntime } from "../../domain/runtime.ts";
import type { SystemdSource, TakeMessage } from "../../domain/systemd.ts";
import { BridgeError } from "./bridge-error.ts";
import { GracefulClose } from "./graceful-close.ts";
import { JournalRecovery } from "../session/journal-recovery.ts";
import { processStream } from "./process-stream.ts";
import { SystemdSession } from "../session/systemd-session.ts";

/**
 * Where `systemd-stdio-bridge` connects to: the system bus, as nobody, which is all that watching
 * needs; or systemd's private socket, which is for root alone and there without a bus.
 */
export type BridgeTarget = "bus" | "private";

const BRIDGE = "systemd-stdio-bridge";
const TARGETS = {
  bus: { command: [BRIDGE], user: "65534:65534" },
  private: { command: [BRIDGE, "-p", "unix:path=/run/systemd/private"], user: "0:0" },
} as const;

export interface DbusSourceOptions {
  readonly runtime: Pick<ContainerRuntime, "exec" | "run">;
  /** Container id. */
  readonly container: string;
  readonly clock: Clock;
  readonly target: BridgeTarget;
}

/**
 * A container's systemd over D-Bus, through the bridge that systemd brings along: its stdin and
 * stdout are a connection, and it ends as soon as its stdin does.
 */
export class DbusSource implements SystemdSource {
  readonly #options: DbusSourceOptions;
  readonly #journal: JournalRecovery;

  constructor(options: DbusSourceOptions) {
    this.#options = options;
    this.#journal = new JournalRecovery(options);
  }

  /** @throws BridgeError where no connection came about */
  async run(take: TakeMessage, options: { readonly signal: AbortSignal }): Promise<void> {
    const { signal } = options;
    try {
      await this.#watch(take, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #watch(take: TakeMessage, signal: AbortSignal): Promise<void> {
    const { runtime, container, clock, target } = this.#options;
    const { command, user } = TARGETS[target];
    const process = await runtime.exec(container, command, { user, signal });
    const gracefulClose = new GracefulClose(process, clock);
    signal.addEventListener("abort", gracefulClose.say, { once: true });
    try {
      const session = new SystemdSession(take, {
        ...this.#options,
        journal: this.#journal,
        signal,
      });
      using connection = await DBusConnection.connect(processStream(process, gracefulClose), {
        signal,
        hello: target === "bus",
        onSignal: session.onSignal,
        clock,
      });
      await session.run(connection);
    } catch (error) {
      // What the peer says of a way that isn't there comes by stderr, or by the exit code.
      if (signal.aborted || !(error instanceof DBusProtocolError)) throw error;
      await gracefulClose.heard();
      throw new BridgeError(error, (await process.exited) as Partial<ProcessExit> | undefined);
    } finally {
      signal.removeEventListener("abort", gracefulClose.say);
      await gracefulClose.heard();
    }
  }
}
