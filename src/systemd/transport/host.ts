import { closeSync, openSync } from "node:fs";
import { connect } from "node:net";
import type { Clock } from "../../domain/clock.ts";
import type { ReadLines } from "../../domain/journal.ts";
import type { SystemdRunOptions, SystemdSource, TakeMessage } from "../../domain/systemd.ts";
import type { Redactor } from "../../platform/data/redactor.ts";
import { isRoot } from "../../platform/process/unprivileged.ts";
import { DBusProtocolError } from "../dbus/errors.ts";
import { lineReader } from "./read-lines.ts";
import { JournalRecovery } from "../session/journal-recovery.ts";
import { SystemdSession } from "../session/systemd-session.ts";
import { AutoSource } from "./auto.ts";
import { type BusConnection, connectUnprivileged, streamTo } from "./bus-socket.ts";
import { DbusTransport } from "./dbus-transport.ts";
import { hostRuntime } from "./host-runtime.ts";
import { BUS_SOCKET, type HostSystem } from "./host-system.ts";
import { SocketError } from "./socket-error.ts";

const PRIVATE_SOCKET = "/run/systemd/private";
/** Opens a path without any right to what it names. */
const O_PATH = 0x200000;

export interface HostSourceOptions {
  readonly host: HostSystem;
  /** Path of its bus's socket; one that begins with a zero byte is abstract. Default: the usual one. */
  readonly bus?: string | undefined;
  readonly clock: Clock;
}

/**
 * Returns the host's own systemd as a source: over the system bus, as nobody; without a bus over
 * systemd's private socket, which is for root alone.
 */
export function hostSource({ host, bus, clock }: HostSourceOptions): SystemdSource {
  const journal = new JournalRecovery({ runtime: hostRuntime(host), container: "", clock });
  const path = bus ?? `${host.root}${BUS_SOCKET}`;
  const ways = { journal, clock };
  return new AutoSource(
    [
      {
        source: new HostSource({ ...ways, target: "bus", open: (end) => toBus(path, end) }),
        peer: "bus",
        isDirect: true,
      },
      {
        source: new HostSource({
          ...ways,
          target: "private",
          open: (end) => toPrivate(`${host.root}${PRIVATE_SOCKET}`, end),
        }),
        peer: "private",
      },
    ],
    { clock, hasBooted: () => true },
  );
}

interface WayOptions {
  readonly target: "bus" | "private";
  readonly open: (signal: AbortSignal) => Promise<BusConnection>;
  readonly journal: JournalRecovery;
  readonly clock: Clock;
}

class HostSource implements SystemdSource {
  readonly #options: WayOptions;

  constructor(options: WayOptions) {
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
      const isCut = error.code === "eof" || error.code === "stream";
      throw new SocketError(error.message, isCut ? "outside" : "broken", { cause: error });
    }
  }

  async #watch(take: TakeMessage, run: SystemdRunOptions): Promise<void> {
    const { target, open, journal, clock } = this.#options;
    const { signal } = run;
    const { stream, uid } = await open(signal);
    const options = { target, name: "host", uid, clock, signal } as const;
    const transport = await DbusTransport.connect(stream, options).catch(refused);
    await new SystemdSession(transport, { ...run, take, journal, clock }).run();
  }
}

/** dbus-daemon cuts the connection of a user without an entry in the host's passwd. */
function refused(error: unknown): never {
  const isCut = error instanceof DBusProtocolError && error.code === "eof";
  if (!isCut || isRoot()) throw error;
  const why = `its bus ended the connection, does the host know user ${process.geteuid?.()}?`;
  throw new SocketError(why, "outside", { cause: error });
}

/** Connects as nobody. The path may be root's alone to follow, so it is opened first. */
async function toBus(path: string, signal: AbortSignal): Promise<BusConnection> {
  if (path.startsWith("\0")) return connectUnprivileged(path, { signal });
  const fd = openPath(path);
  try {
    return await connectUnprivileged(`/proc/self/fd/${fd}`, { signal });
  } finally {
    closeSync(fd);
  }
}

async function toPrivate(path: string, signal: AbortSignal): Promise<BusConnection> {
  if (!isRoot()) throw new SocketError(`${path} is for root alone`, "missing");
  closeSync(openPath(path));
  return { stream: await streamTo(connect({ path }), { signal }), uid: 0 };
}

function openPath(path: string): number {
  try {
    return openSync(path, O_PATH);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") throw new SocketError(`there is no ${path}`, "absent", { cause });
    throw new SocketError(`${path} can't be opened: ${message}`, "missing", { cause });
  }
}

/** Returns a reader of the last lines of runs from the host's journal. */
export function hostLines(options: {
  readonly host: HostSystem;
  readonly redactor: Redactor;
  readonly clock: Clock;
}): ReadLines {
  return lineReader({
    ...options,
    runtime: hostRuntime(options.host),
    container: "",
    at: () => ({ container: "", pid: 0 }),
    gate: { passed: async () => {} },
    prefersHost: () => false,
  });
}
