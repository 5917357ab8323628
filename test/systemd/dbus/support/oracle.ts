import { createRequire } from "node:module";
import type { Message } from "../../../../src/systemd/dbus/message.ts";
import { Variant } from "../../../../src/systemd/dbus/value.ts";

interface OracleVariant {
  readonly signature: string;
  readonly value: unknown;
}

const require = createRequire(import.meta.url);
const native = require("dbus-native/lib/message.js") as {
  unmarshall(bytes: Buffer, options: object): Record<string, unknown>;
};
const values = require("dbus-native/lib/values.js") as {
  Variant: new (...args: never[]) => OracleVariant;
};

/** A message in a form that two decoders can be compared by. */
export interface Comparable {
  readonly header: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

/** As dbus-native decodes it; dicts as lists of pairs, the type kept in variants. */
export function decodedByOracle(frame: Buffer): Comparable {
  const message = native.unmarshall(frame, { plainValues: false, variants: "wrap" });
  return {
    header: {
      type: ["", "method_call", "method_return", "error", "signal"][message["type"] as number],
      flags: message["flags"],
      serial: message["serial"],
      replySerial: message["replySerial"] ?? 0,
      path: message["path"] ?? "",
      interface: message["interface"] ?? "",
      member: message["member"] ?? "",
      errorName: message["errorName"] ?? "",
      destination: message["destination"] ?? "",
      sender: message["sender"] ?? "",
      signature: message["signature"] ?? "",
    },
    body: comparable(message["body"] ?? []),
  };
}

/** As we decode it. */
export function decodedByUs(message: Message): Comparable {
  const { type, flags, serial, replySerial, path, member, errorName } = message;
  const { destination, sender, signature, interface: interfaceName } = message;
  const fields = { type, flags, serial, replySerial, path, member, errorName };
  return {
    header: { ...fields, destination, sender, signature, interface: interfaceName },
    body: comparable(message.body()),
  };
}

/** A map becomes its pairs, of equal keys the last one at the place of the first, as in a Map. */
function comparable(value: unknown): unknown {
  if (value instanceof Variant || value instanceof values.Variant) {
    return { signature: value.signature, value: comparable(value.value) };
  }
  if (ArrayBuffer.isView(value)) return { hex: Buffer.from(value as Uint8Array).toString("hex") };
  if (value instanceof Map) {
    return [...(value as Map<unknown, unknown>)].map((pair) => pair.map(comparable));
  }
  if (!Array.isArray(value)) return value;
  const isDict = Object.getOwnPropertySymbols(value).length > 0;
  return (isDict ? [...new Map(value as [unknown, unknown][])] : value).map(comparable);
}
