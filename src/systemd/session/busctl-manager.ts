import { MAX_UNIT_NAME_BYTES } from "../../domain/unit.ts";
import { isJsonObject, parseJsonObject } from "../../platform/data/json.ts";
import { MANAGER_INTERFACE, SYSTEMD } from "../format/systemd-objects.ts";

/** Signals of the manager, and of the bus about it. */
export type ManagerSignal =
  | {
      readonly member: "UnitNew" | "UnitRemoved";
      readonly unit: string;
      /** When busctl saw it: Unix nanoseconds. */
      readonly timeNs: bigint;
    }
  | { readonly member: "Reloading"; readonly isActive: boolean }
  | { readonly member: "StartupFinished" }
  | { readonly member: "NameOwnerChanged"; readonly isOwned: boolean };

/** What tells such a line from the others without reading them all twice. */
const ABOUT = [`"interface":"${MANAGER_INTERFACE}"`, '"member":"NameOwnerChanged"'];

/**
 * Reads one line of `busctl monitor --json=short`; undefined where it is no signal of these.
 *
 *     {"type":"signal","timestamp-realtime":1795345333696753,"sender":":1.0",
 *      "path":"/org/freedesktop/systemd1","interface":"org.freedesktop.systemd1.Manager",
 *      "member":"UnitRemoved","payload":{"type":"so","data":["munge.service","/org/…"]}}
 */
export function parseManagerSignal(line: string): ManagerSignal | undefined {
  if (!ABOUT.some((text) => line.includes(text))) return undefined;
  const message = parseJsonObject(line);
  if (message?.["type"] !== "signal") return undefined;
  const { member, payload, interface: sentBy } = message;
  const data = isJsonObject(payload) ? payload["data"] : undefined;
  const args: readonly unknown[] = Array.isArray(data) ? data : [];
  if (member === "NameOwnerChanged" && sentBy === "org.freedesktop.DBus") {
    return args[0] === SYSTEMD ? { member, isOwned: args[2] !== "" } : undefined;
  }
  if (sentBy !== MANAGER_INTERFACE) return undefined;
  const [first] = args;
  switch (member) {
    case "UnitNew":
    case "UnitRemoved": {
      const timeUs = message["timestamp-realtime"];
      if (typeof first !== "string" || first === "" || first.length >= MAX_UNIT_NAME_BYTES)
        return undefined;
      const timeNs = Number.isSafeInteger(timeUs) ? BigInt(timeUs as number) * 1_000n : 0n;
      return { member, unit: first.toWellFormed(), timeNs };
    }
    case "Reloading":
      return { member, isActive: first === true };
    case "StartupFinished":
      return { member };
    default:
      return undefined;
  }
}
