import type { SystemdSource } from "../../domain/systemd.ts";
import { isRoot } from "../../platform/process/unprivileged.ts";
import { userFolders } from "../format/user-paths.ts";
import { JournalRecovery } from "../session/journal-recovery.ts";
import { AutoSource } from "./auto.ts";
import { BootGate } from "./boot-gate.ts";
import { type BusConnection, connectUnprivileged } from "./bus-socket.ts";
import { ConnectionSource } from "./connection-source.ts";
import { ContainerRoot, type ContainerRootOptions } from "./container-root.ts";
import { DbusSource } from "./dbus.ts";
import { SocketError } from "./socket-error.ts";
import {
  gated,
  journalReader,
  placeOf,
  type SystemdSourceOptions,
  type TransportChoice,
} from "./source.ts";
import type { Way } from "./upgrade.ts";

export interface UserSourceOptions extends SystemdSourceOptions {
  /** Its id in the container, decimal. */
  readonly user: string;
  /** Folder of the host's processes. Default `/proc`. */
  readonly proc?: string;
}

/** Names of the processes that a user's bus has, as far as the kernel shows them. */
const BUSES: ReadonlySet<string> = new Set(["dbus-daemon", "dbus-broker-lau"]);
const NAME = "bus";

/**
 * Returns a user manager of a container as a source: over the user's bus, through the host's /proc; and
 * over its private socket, by a command in the container. Each is connected to as that user. undefined for
 * the transports that can't.
 *
 * The private socket rejects a peer from outside of the container's pid namespace. A user's bus is
 * started by its first connection, so that only one that runs is connected to.
 */
export function userSource(
  transport: TransportChoice,
  options: UserSourceOptions,
): SystemdSource | undefined {
  const { clock, user, proc } = options;
  const gate = new BootGate(options);
  const journal = new JournalRecovery({ ...options, read: journalReader(options, gate) });
  const placed = placeOf(options);
  const at = (): ContainerRootOptions => ({
    ...placed(),
    ...(proc === undefined ? {} : { proc }),
  });
  const bus = new ConnectionSource({
    isPaused: options.isPaused,
    target: "bus",
    name: "socket",
    open: (signal) => connectToUserBus({ ...at(), user }, signal),
    journal,
    clock,
  });
  if (options.runsCommands === false && transport !== "off") return bus;
  const bridge = gated(new DbusSource({ ...options, target: "private" }), gate);
  switch (transport) {
    case "off":
    case "busctl":
      return undefined;
    case "socket":
      return bus;
    case "dbus":
      return bridge;
    case "auto": {
      const direct: Way = { source: bus, peer: "bus", isDirect: true };
      const ways: readonly Way[] = [direct, { source: bridge, peer: "private" }];
      return new AutoSource(ways, { clock, hasBooted: () => true });
    }
    default:
      return transport satisfies never;
  }
}

/**
 * Connects to the bus of a user, as that user, if it runs. No part of the path is a link.
 *
 * @throws SocketError
 */
export async function connectToUserBus(
  { user, ...at }: ContainerRootOptions & Pick<UserSourceOptions, "user">,
  signal: AbortSignal,
): Promise<BusConnection> {
  using root = ContainerRoot.open(at);
  const inside = Number(user);
  const uid = root.hostIdOf(inside);
  if (uid === undefined)
    throw new SocketError(`user ${user} isn't mapped to a user of this host`, "missing");
  if (!isRoot() && process.geteuid?.() !== uid) {
    throw new SocketError(`only root may connect as user ${user}`, "missing");
  }
  switch (root.hasChildOfUser(uid, BUSES)) {
    case true:
      break;
    case false:
      throw new SocketError(`no bus of user ${user} runs`, "absent");
    case undefined:
      throw new SocketError(
        `this kernel doesn't show whether a bus of user ${user} runs`,
        "missing",
      );
  }
  using file = root.open(userFolders(user), NAME);
  if (!file.stat().isSocket())
    throw new SocketError(`the bus of user ${user} is no socket`, "missing");
  const { stream } = await connectUnprivileged(file.path, {
    uid,
    signal,
    check: () => {
      if (!root.isAlive) throw new SocketError("its PID 1 has ended", "outside");
    },
  });
  return { stream, uid: inside };
}
