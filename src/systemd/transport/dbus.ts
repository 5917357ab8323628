import type { Clock } from "../../domain/clock.ts";
import type { ProcessExit } from "../../domain/process.ts";
import type { ContainerRuntime, InteractiveProcess } from "../../domain/runtime.ts";
import type { SystemdRunOptions, SystemdSource, TakeMessage } from "../../domain/systemd.ts";
import type { ByteStream } from "../dbus/byte-stream.ts";
import { DBusProtocolError } from "../dbus/errors.ts";
import { MARK } from "../format/mark.ts";
import { userSocket } from "../format/user-paths.ts";
import { JournalRecovery } from "../session/journal-recovery.ts";
import { SystemdSession } from "../session/systemd-session.ts";
import { BridgeError, startError } from "./bridge-error.ts";
import { DbusTransport } from "./dbus-transport.ts";
import { GracefulClose } from "./graceful-close.ts";

/**
 * Peer of `systemd-stdio-bridge`: the system bus, as nobody, which is all that watching needs; or
 * systemd's private socket, which is for root alone and works without a bus.
 */
export type BridgeTarget = "bus" | "private";

const BRIDGE = "systemd-stdio-bridge";
const TARGETS = {
  bus: { command: bridgeTo("/run/dbus/system_bus_socket"), user: "65534:65534" },
  private: { command: bridgeTo("/run/systemd/private"), user: "0:0" },
} as const;

/** Group of a command that runs as a user: nogroup, for its own isn't known. */
const NO_GROUP = 65_534;

function peerOf({ target, user }: Pick<DbusSourceOptions, "target" | "user">): {
  readonly command: readonly string[];
  readonly user: string;
} {
  if (user === undefined) return TARGETS[target];
  return { command: bridgeTo(userSocket(user)), user: `${user}:${NO_GROUP}` };
}

/** The address has the only argument that every version of the bridge ignores: an unknown key. */
function bridgeTo(path: string): readonly string[] {
  return [BRIDGE, "-p", `unix:path=${path},unitwatch=${MARK}`];
}

/** Bytes that may wait for a process that doesn't read: one that calls us wants to be answered. */
const MAX_WAITING_BYTES = 1024 * 1024;

export interface DbusSourceOptions {
  readonly runtime: Pick<ContainerRuntime, "exec" | "run">;
  /** Container id. */
  readonly container: string;
  readonly clock: Clock;
  readonly target: BridgeTarget;
  /** User whose manager's private socket is the peer, as that user. Default: the system's. */
  readonly user?: string | undefined;
  /** Returns true while the container is paused. Default: never. */
  readonly isPaused?: (() => boolean) | undefined;
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

  /** @throws BridgeError if the connection failed */
  async run(take: TakeMessage, options: SystemdRunOptions): Promise<void> {
    try {
      await this.#watch(take, options);
    } catch (error) {
      if (!options.signal.aborted) throw error;
    }
  }

  async #watch(take: TakeMessage, run: SystemdRunOptions): Promise<void> {
    const { signal } = run;
    const { runtime, container, clock, target, isPaused } = this.#options;
    const { command, user } = peerOf(this.#options);
    const process = await runtime
      .exec(container, command, { user, signal })
      .catch((error: unknown) => {
        throw startError(error);
      });
    await using gracefulClose = new GracefulClose(process, { clock, signal });
    try {
      const stream = processStream(process, gracefulClose);
      const transport = await DbusTransport.connect(stream, { target, clock, isPaused, signal });
      const journal = this.#journal;
      await new SystemdSession(transport, { ...run, take, journal, clock }).run();
    } catch (error) {
      if (signal.aborted || !(error instanceof DBusProtocolError)) throw error;
      // A missing bridge or bus shows by stderr, or by the exit code.
      await gracefulClose.finish();
      throw new BridgeError(error, (await process.exited) as Partial<ProcessExit> | undefined);
    }
  }
}

/**
 * Returns a process's stdin and stdout as a byte stream. Closing it ends the process's input. A
 * write throws if too much waits already.
 */
function processStream(process: InteractiveProcess, gracefulClose: GracefulClose): ByteStream {
  return {
    readable: process.stdout,
    write(bytes) {
      const waiting = process.stdin.writableLength ?? 0;
      if (waiting > MAX_WAITING_BYTES) throw new Error(`${waiting} bytes wait for it to read them`);
      process.stdin.write(bytes);
    },
    close: gracefulClose.begin,
  };
}
