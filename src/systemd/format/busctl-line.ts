import { MAX_UNIT_NAME_BYTES } from "../../domain/unit.ts";
import { type ManagerSignal, ownerChange } from "./manager.ts";
import { MANAGER_INTERFACE, PROPERTIES_INTERFACE, SYSTEMD } from "./objects.ts";
import { isJsonObject, type JsonObject, parseJsonObject } from "../../platform/data/json.ts";

/** D-Bus types that `property` reads, with the type of their values. */
export interface PropertyTypes {
  readonly s: string;
  readonly i: number;
  readonly u: number;
  readonly t: bigint;
  readonly ay: Uint8Array;
  /** Number of a job, 0 for none, of a property `Job`. */
  readonly "(uo)": number;
}

const MAX_UINT32 = 2 ** 32 - 1;
const MIN_INT32 = -(2 ** 31);
const MAX_INT32 = 2 ** 31 - 1;

/** One PropertiesChanged signal. */
export class PropertiesSignal {
  /** Path of the object that changed. */
  readonly path: string;
  /** The interface that the properties are of: `org.freedesktop.systemd1.Unit`. */
  readonly interfaceName: string;
  /** Time at which busctl saw it, by the container's clock: Unix nanoseconds; 0n if it has none. */
  readonly timeNs: bigint;
  readonly #changed: JsonObject;

  constructor(
    header: Pick<PropertiesSignal, "path" | "interfaceName" | "timeNs">,
    changed: JsonObject,
  ) {
    this.path = header.path;
    this.interfaceName = header.interfaceName;
    this.timeNs = header.timeNs;
    this.#changed = changed;
  }

  /**
   * Returns the new value of a property. Undefined if the signal doesn't have it, or not as this
   * type, and for a `t` past 2^53, which JSON can't hold exactly (systemd's "never" is 2^64-1).
   */
  property<Type extends keyof PropertyTypes>(
    name: string,
    type: Type,
  ): PropertyTypes[Type] | undefined {
    const variant = Object.hasOwn(this.#changed, name) ? this.#changed[name] : undefined;
    if (!isJsonObject(variant) || variant["type"] !== type) return undefined;
    return READERS[type](variant["data"]);
  }
}

type Readers = {
  readonly [Type in keyof PropertyTypes]: (data: unknown) => PropertyTypes[Type] | undefined;
};

const READERS: Readers = {
  s: (data) => (typeof data === "string" ? data : undefined),
  i: (data) => (isIntegerIn(data, MIN_INT32, MAX_INT32) ? data : undefined),
  u: (data) => (isIntegerIn(data, 0, MAX_UINT32) ? data : undefined),
  t: (data) => (isIntegerIn(data, 0, Number.MAX_SAFE_INTEGER) ? BigInt(data) : undefined),
  ay: (data) =>
    Array.isArray(data) && data.every((byte) => isIntegerIn(byte, 0, 255))
      ? Uint8Array.from(data)
      : undefined,
  "(uo)": (data) => {
    const job: unknown = Array.isArray(data) ? data[0] : undefined;
    return isIntegerIn(job, 0, MAX_UINT32) ? job : undefined;
  },
};

/**
 * Reads one line of `busctl monitor --json=short`.
 *
 *     {"type":"signal","timestamp-realtime":1795345333696753,"sender":":1.0",
 *      "path":"/org/freedesktop/systemd1/unit/munge_2eservice",
 *      "interface":"org.freedesktop.DBus.Properties","member":"PropertiesChanged",
 *      "payload":{"type":"sa{sv}as","data":["org.freedesktop.systemd1.Unit",
 *      {"ActiveState":{"type":"s","data":"active"},…},["Conditions"]]}}
 *
 * @returns undefined for messages of any other kind, and `malformed` if the line is no JSON or
 *   has another shape.
 */
export function parseBusctlSignal(line: string): PropertiesSignal | "malformed" | undefined {
  const message = parseJsonObject(line);
  if (message === undefined || typeof message["type"] !== "string") return "malformed";
  if (message["type"] !== "signal") return undefined;

  const { path, member, payload, interface: sentBy = PROPERTIES_INTERFACE } = message;
  if (typeof member !== "string" || typeof sentBy !== "string") return "malformed";
  if (member !== "PropertiesChanged" || sentBy !== PROPERTIES_INTERFACE) return undefined;

  const data = isJsonObject(payload) ? payload["data"] : undefined;
  const [interfaceName, changed]: unknown[] = Array.isArray(data) ? data : [];
  const timeUs = message["timestamp-realtime"] ?? 0;
  if (
    typeof path !== "string" ||
    typeof interfaceName !== "string" ||
    !isJsonObject(changed) ||
    !isIntegerIn(timeUs, 0, Number.MAX_SAFE_INTEGER)
  ) {
    return "malformed";
  }
  return new PropertiesSignal({ path, interfaceName, timeNs: BigInt(timeUs) * 1000n }, changed);
}

function isIntegerIn(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
}

/** Texts of which each line with a manager signal has one, so that others aren't parsed twice. */
const MANAGER_TEXTS = [`"interface":"${MANAGER_INTERFACE}"`, '"member":"NameOwnerChanged"'];

/**
 * Reads a signal of the manager, or of the bus about systemd's name, from one line of `busctl
 * monitor --json=short`. Returns undefined for any other line.
 *
 *     {"type":"signal","timestamp-realtime":1795345333696753,"sender":":1.0",
 *      "path":"/org/freedesktop/systemd1","interface":"org.freedesktop.systemd1.Manager",
 *      "member":"UnitRemoved","payload":{"type":"so","data":["munge.service","/org/…"]}}
 */
export function parseManagerSignal(line: string): ManagerSignal | undefined {
  if (!MANAGER_TEXTS.some((text) => line.includes(text))) return undefined;
  const message = parseJsonObject(line);
  if (message?.["type"] !== "signal") return undefined;
  const { member, payload, interface: sentBy } = message;
  const data = isJsonObject(payload) ? payload["data"] : undefined;
  const args: readonly unknown[] = Array.isArray(data) ? data : [];
  if (member === "NameOwnerChanged" && sentBy === "org.freedesktop.DBus") {
    const [name, before, after] = args;
    return name === SYSTEMD ? ownerChange(String(before), String(after)) : undefined;
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
