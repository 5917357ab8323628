import { hash } from "node:crypto";
import { readFileSync, readlinkSync, statSync } from "node:fs";
import { hostname } from "node:os";

/** The system that this process runs on, or whose pid namespace it shares as a container. */
export interface HostSystem {
  /** The host's name. */
  readonly name: string;
  /** Derived from its machine id, which is a secret. */
  readonly id: string;
  /** Where its files are: "", or a path as seen from a container. */
  readonly root: string;
  /** Machine id; "" if it can't be read. */
  readonly machineId: string;
  /** False if it runs another init than systemd. */
  readonly hasSystemd: boolean;
}

export const BUS_SOCKET = "/run/dbus/system_bus_socket";
/** systemd makes it as it starts: how sd_booted(3) knows that systemd runs. */
const BOOTED = "/run/systemd/system";
const OTHER_ROOT = "/proc/1/root";

/**
 * Looks at the host.
 *
 * @param root where its files are. Default: in the root of process 1, if that is another than this one's
 */
export function findHostSystem(root = isOtherRoot() ? OTHER_ROOT : ""): HostSystem {
  const name = (root === "" || hasHostsName() ? "" : nameIn(root)) || hostname();
  const text = readLine(`${root}/etc/machine-id`);
  const machineId = /^[0-9a-f]{32}$/.test(text) ? text : "";
  return {
    name,
    // machine-id(5) asks for an id of its own for each application.
    id: hash("sha256", `unitwatch host ${machineId || name}`, "hex").slice(0, 32),
    root,
    machineId,
    // A container may see its bus alone.
    hasSystemd: exists(`${root}${BOOTED}`) || exists(`${root}${BUS_SOCKET}`),
  };
}

/** True if this is a container with the host's pid namespace, which may read the host's files. */
function isOtherRoot(): boolean {
  try {
    const [own, first] = [statSync("/"), statSync(`${OTHER_ROOT}/`)];
    return own.dev !== first.dev || own.ino !== first.ino;
  } catch {
    return false;
  }
}

function hasHostsName(): boolean {
  try {
    return readlinkSync("/proc/self/ns/uts") === readlinkSync("/proc/1/ns/uts");
  } catch {
    return false;
  }
}

/** Returns the name in /etc/hostname; "" if it has none: hostname(5). */
function nameIn(root: string): string {
  const name = readLine(`${root}/etc/hostname`);
  return /^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/.test(name) ? name : "";
}

function readLine(path: string): string {
  try {
    return readFileSync(path, "utf8").split("\n", 1)[0]?.trim() ?? "";
  } catch {
    return "";
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
