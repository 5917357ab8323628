import { encodeValues } from "./encode.ts";
import type { MessageType } from "./message.ts";
import { isBusName, isInterfaceName, isMemberName } from "./names.ts";
import { type Value, Variant } from "./value.ts";
import { Writer } from "./writer.ts";

const typeCodes: Readonly<Record<MessageType, number>> = {
  method_call: 1,
  method_return: 2,
  error: 3,
  signal: 4,
};

/** A message to be sent; the fields are those of `MessageHeader`. */
export interface OutgoingMessage {
  readonly type: MessageType;
  readonly flags?: number;
  readonly serial: number;
  readonly replySerial?: number;
  readonly path?: string;
  readonly interface?: string;
  readonly member?: string;
  readonly errorName?: string;
  readonly destination?: string;
  readonly sender?: string;
  /** The types of `body`; `""` by default. */
  readonly signature?: string;
  readonly body?: readonly Value[];
}

/**
 * A message's bytes, in little-endian order unless told otherwise.
 *
 * Source: D-Bus specification, "Message Format".
 *
 * @throws TypeError for a name or a value that is not valid, RangeError for more than 16 MiB
 */
export function encodeMessage(message: OutgoingMessage, littleEndian = true): Buffer {
  const body = new Writer(littleEndian);
  encodeValues(body, message.signature ?? "", message.body ?? []);
  const writer = new Writer(littleEndian);
  writer.byte(littleEndian ? 0x6c : 0x42);
  writer.byte(typeCodes[message.type]);
  writer.byte(message.flags ?? 0);
  writer.byte(1);
  writer.uint32(body.length);
  writer.uint32(message.serial);
  encodeValues(writer, "a(yv)", [headerFields(message)]);
  writer.align(8);
  writer.raw(body.bytes);
  return writer.bytes;
}

function headerFields(message: OutgoingMessage): Value[] {
  const fields: Value[] = [];
  const add = (code: number, signature: string, value: string | number | undefined) => {
    if (value !== undefined) fields.push([code, new Variant(signature, value)]);
  };
  add(1, "o", message.path);
  add(2, "s", named(message.interface, isInterfaceName, "an interface name"));
  add(3, "s", named(message.member, isMemberName, "a member name"));
  add(4, "s", named(message.errorName, isInterfaceName, "an error name"));
  add(5, "u", message.replySerial);
  add(6, "s", named(message.destination, isBusName, "a bus name"));
  add(7, "s", named(message.sender, isBusName, "a bus name"));
  add(8, "g", message.signature === "" ? undefined : message.signature);
  return fields;
}

function named(
  name: string | undefined,
  isValid: (name: string) => boolean,
  what: string,
): string | undefined {
  if (name === undefined || isValid(name)) return name;
  throw new TypeError(`${JSON.stringify(name.slice(0, 80))} is not ${what}`);
}
