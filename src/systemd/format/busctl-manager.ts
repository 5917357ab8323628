import { MAX_UNIT_NAME_BYTES } from "../../domain/unit.ts";
import { isJsonObject, parseJsonObject } from "../../platform/data/json.ts";
import type { ManagerSignal } from "./manager.ts";
import { MANAGER_INTERFACE, SYSTEMD } from "./systemd-objects.ts";

/** Text that every such line has, and few others: those aren't parsed twice. */
const ABOUT = [`"interface":"${MANAGER_INTERFACE}"`, '"member":"NameOwnerChanged"'];

/**
 * Reads one line of `busctl monitor --json=short`; undefined if it is no signal of the manager.
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
    return args[0] === SYSTEMD ? { kind: "owner-changed", isOwned: args[2] !== "" } : undefined;
  }
  if (sentBy !== MANAGER_INTERFACE) return undefined;
  const [first] = args;
  switch (member) {
    case "UnitNew":
    case "UnitRemoved": {
      if (typeof first !== "string" || first === "" || first.length >= MAX_UNIT_NAME_BYTES)
        return undefined;
      const unit = first.toWellFormed();
      if (member === "UnitNew") return { kind: "unit-new", unit };
      const timeUs = message["timestamp-realtime"];
      const timeNs = Number.isSafeInteger(timeUs) ? BigInt(timeUs as number) * 1_000n : 0n;
      return { kind: "removed", unit, timeNs };
    }
    case "Reloading":
      return { kind: "reloading", isActive: first === true };
    case "StartupFinished":
      return { kind: "startup-finished" };
    default:
      return undefined;
  }
}
