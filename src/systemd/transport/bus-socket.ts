import { connect, type Socket } from "node:net";
import { asError } from "../../platform/data/as-error.ts";
import { unprivileged, isRoot, UNPRIVILEGED_ID } from "../../platform/process/unprivileged.ts";
import type { ByteStream } from "../dbus/byte-stream.ts";
import { ContainerRoot, type ContainerRootOptions } from "./container-root.ts";
import { SocketError } from "./socket-error.ts";

/** Folders of the bus's socket, and its name. /var/run is usually a link, and no link is followed. */
const FOLDERS = ["run", "dbus"];
const NAME = "system_bus_socket";
/** Bytes that may wait for a bus that doesn't read: one that calls us wants to be answered. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** An open connection to a container's bus. */
export interface BusConnection {
  readonly stream: ByteStream;
  /** User whom the bus sees, if it is known. */
  readonly uid: number | undefined;
}

/**
 * Connects to the container's system bus through the host's /proc, as user nobody. No part of the path is
 * a link, and what is connected to is the file that was looked at, whatever its name stands for by then.
 *
 * @throws SocketError
 */
export async function connectToBus(
  options: ContainerRootOptions,
  signal: AbortSignal,
): Promise<BusConnection> {
  using root = ContainerRoot.open(options);
  using file = root.open(FOLDERS, NAME);
  const path = `/${FOLDERS.join("/")}/${NAME}`;
  if (!file.stat().isSocket()) throw new SocketError(`${path} is no socket`, "missing");
  const uid = isRoot() ? UNPRIVILEGED_ID : (process.geteuid?.() ?? UNPRIVILEGED_ID);
  if (root.isRootThere(uid)) {
    throw new SocketError(`user ${uid} of this host is root in the container`, "missing");
  }
  return await connectUnprivileged(file.path, {
    signal,
    check: () => {
      if (!root.isAlive) throw new SocketError("its PID 1 has ended", "outside");
    },
  });
}

/**
 * Connects to a socket as user nobody, or as this process's user if it isn't root.
 *
 * @param options with `uid`, as that user of this host if this process is root
 * @throws SocketError
 */
export async function connectUnprivileged(
  path: string,
  options: { readonly signal: AbortSignal; readonly check?: () => void; readonly uid?: number },
): Promise<BusConnection> {
  const isChanged = isRoot();
  const { uid = UNPRIVILEGED_ID } = options;
  // Node calls connect(2) before it returns.
  const socket = await unprivileged(() => connect({ path }), { uid }).catch((cause: unknown) => {
    const who = uid === UNPRIVILEGED_ID ? "user nobody" : `user ${uid}`;
    const message = `no connection as ${who}: ${asError(cause).message}`;
    // Otherwise other threads are busy.
    const isForbidden = (cause as NodeJS.ErrnoException).code === "EPERM";
    const verdict = isForbidden ? "missing" : "outside";
    throw new SocketError(message, verdict, { cause, isLasting: isForbidden });
  });
  const stream = await streamTo(socket, options);
  return { stream, uid: isChanged ? uid : undefined };
}

/** Resolves when the socket is connected. @throws SocketError, or what `check` throws */
export async function streamTo(
  socket: Socket,
  { signal, check }: { readonly signal: AbortSignal; readonly check?: () => void },
): Promise<ByteStream> {
  // Its errors are those of the iteration, and of the wait for the connection.
  socket.on("error", () => {});
  try {
    check?.();
    await connected(socket, signal);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return streamOf(socket);
}

/** Resolves when it is connected: at once, or never, for the kernel doesn't wait for the peer. */
async function connected(socket: Socket, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = (): void => reject(asError(signal.reason));
  socket.once("connect", resolve).once("error", (error) => reject(connectError(error)));
  signal.addEventListener("abort", abort);
  if (signal.aborted) abort();
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function connectError(cause: NodeJS.ErrnoException): SocketError {
  switch (cause.code) {
    case "ECONNREFUSED":
      return new SocketError("nothing listens on its bus's socket", "absent", { cause });
    case "EAGAIN":
      return new SocketError("its bus accepts no more connections", "broken", { cause });
    default:
      return new SocketError(`no connection to its bus: ${cause.message}`, "missing", { cause });
  }
}

function streamOf(socket: Socket): ByteStream {
  return {
    readable: socket,
    write(bytes) {
      const waiting = socket.writableLength;
      if (waiting > MAX_WAITING_BYTES) throw new Error(`${waiting} bytes wait for it to read them`);
      socket.write(bytes);
    },
    close: () => void socket.destroy(),
  };
}
