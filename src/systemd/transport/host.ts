import { closeSync, openSync } from "node:fs";
import { connect } from "node:net";
import type { Clock } from "../../domain/clock.ts";
import type { ReadLines } from "../../domain/journal.ts";
import type { SystemdSource } from "../../domain/systemd.ts";
import type { Redactor } from "../../platform/data/redactor.ts";
import { isRoot } from "../../platform/process/unprivileged.ts";
import { DBusProtocolError } from "../dbus/errors.ts";
import { userSocket } from "../format/user-paths.ts";
import { lineReader } from "./read-lines.ts";
import { JournalRecovery } from "../session/journal-recovery.ts";
import { AutoSource } from "./auto.ts";
import { type BusConnection, connectUnprivileged, streamTo } from "./bus-socket.ts";
import { ConnectionSource } from "./connection-source.ts";
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
  const ways = { name: "host", journal, clock } as const;
  return new AutoSource(
    [
      {
        source: new ConnectionSource({
          ...ways,
          target: "bus",
          open: (end) => toBus(path, end),
          refused,
        }),
        peer: "bus",
        isDirect: true,
      },
      {
        source: new ConnectionSource({
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

/**
 * Returns a user manager of the host as a source: over its private socket, as that user. It has no peer
 * that a connection would start, as its bus has.
 */
export function hostUserSource(
  options: Pick<HostSourceOptions, "host" | "clock"> & { readonly user: string },
): SystemdSource {
  const { host, clock, user } = options;
  return new ConnectionSource({
    target: "private",
    name: "host",
    open: (end) => toUsers(host, user, end),
    journal: new JournalRecovery({ runtime: hostRuntime(host), container: "", clock, user }),
    clock,
  });
}

/** The path is the user's: it is followed with that user's rights alone. */
async function toUsers(
  { root }: HostSystem,
  user: string,
  signal: AbortSignal,
): Promise<BusConnection> {
  const uid = Number(user);
  if (!isRoot() && process.geteuid?.() !== uid) {
    throw new SocketError(`only root, or user ${user}, may connect to its manager`, "missing");
  }
  const fd = openPath(`${root}/`);
  try {
    const path = `/proc/self/fd/${fd}${userSocket(user)}`;
    return await connectUnprivileged(path, { uid, signal });
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
  /** User whose manager's units the runs are of. Default: the system's. */
  readonly user?: string | undefined;
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
