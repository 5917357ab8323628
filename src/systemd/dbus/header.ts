import { DBusProtocolError } from "./errors.ts";
import { maxHeaderFields, maxMessageBytes } from "./limits.ts";
import { Message, type MessageHeader, type MessageType, type OnMalformedBody } from "./message.ts";
import { isBusName, isInterfaceName, isMemberName } from "./names.ts";
import { Reader } from "./reader.ts";
import { type Source, TextTable } from "./text.ts";

/** Length of the header before its fields. */
export const fixedHeaderBytes = 16;

const messageTypes: readonly (MessageType | undefined)[] = [
  undefined,
  "method_call",
  "method_return",
  "error",
  "signal",
];

const interfaces = new TextTable(isInterfaceName);
const members = new TextTable(isMemberName);
const busNames = new TextTable(isBusName);

/** Bytes `[start, end)` of one complete message. */
export interface Frame extends Source {
  readonly start: number;
  readonly end: number;
}

/**
 * Returns the length of a message, read from its first 16 bytes:
 *
 * ```
 * 0 'l' or 'B'   1 type   2 flags   3 version 1
 * 4 u32 length of the body      8 u32 serial      12 u32 length of the fields
 * ```
 *
 * @throws DBusProtocolError `malformed`, or `limit` for more than 16 MiB
 */
export function frameLength({ bytes, view }: Source, start: number): number {
  const littleEndian = isLittleEndian(bytes, start);
  const version = bytes[start + 3]!;
  if (version !== 1) throw malformed(`protocol version ${version}`);
  if (bytes[start + 1] === 0) throw malformed("a message of type 0");
  if (view.getUint32(start + 8, littleEndian) === 0) throw malformed("a message of serial 0");
  const fields = view.getUint32(start + 12, littleEndian);
  const body = view.getUint32(start + 4, littleEndian);
  const length = fixedHeaderBytes + Math.ceil(fields / 8) * 8 + body;
  if (length <= maxMessageBytes) return length;
  throw new DBusProtocolError(
    "limit",
    `a message of ${length} bytes, more than ${maxMessageBytes}`,
  );
}

/**
 * Decodes a message's header, and checks the fields that its type requires.
 *
 * Source: D-Bus specification, "Message Format", "Header Fields".
 *
 * @param frame of the length that {@link frameLength} returns
 * @param onMalformed called when reading the body finds it malformed
 * @returns undefined for an unknown type, which has to be ignored
 * @throws DBusProtocolError `malformed`
 */
export function decodeMessage(frame: Frame, onMalformed?: OnMalformedBody): Message | undefined {
  const { bytes, view, start, end } = frame;
  const type = messageTypes[bytes[start + 1]!];
  if (type === undefined) return undefined;
  const littleEndian = isLittleEndian(bytes, start);
  const bodyStart = end - view.getUint32(start + 4, littleEndian);
  const fieldsStart = start + fixedHeaderBytes;
  const fieldsEnd = fieldsStart + view.getUint32(start + 12, littleEndian);
  header.begin(type, bytes[start + 2]!, view.getUint32(start + 8, littleEndian));
  header.read(new Reader({ bytes, view, start: fieldsStart, end: fieldsEnd, littleEndian }));
  for (let at = fieldsEnd; at < bodyStart; at += 1) {
    if (bytes[at] !== 0) throw malformed("padding after the header that is not zero");
  }
  header.check(end - bodyStart);
  return new Message(header, { bytes, view, start: bodyStart, end, littleEndian }, onMalformed);
}

class HeaderFields implements MessageHeader {
  type: MessageType = "signal";
  flags = 0;
  serial = 0;
  replySerial = 0;
  path = "";
  interface = "";
  member = "";
  errorName = "";
  destination = "";
  sender = "";
  signature = "";

  /** Clears the fields of the previous message. */
  begin(type: MessageType, flags: number, serial: number): void {
    this.type = type;
    this.flags = flags;
    this.serial = serial;
    this.replySerial = 0;
    this.path = "";
    this.interface = "";
    this.member = "";
    this.errorName = "";
    this.destination = "";
    this.sender = "";
    this.signature = "";
  }

  /** Reads the elements of `a(yv)`: code and value of each field. */
  read(reader: Reader): void {
    let seen = 0;
    for (let count = 1; reader.more; count += 1) {
      if (count > maxHeaderFields) throw malformed(`more than ${maxHeaderFields} header fields`);
      const code = reader.struct().byte();
      if (code === 0) throw malformed("header field 0");
      if (code <= 9) {
        if ((seen & (1 << code)) !== 0) throw malformed(`header field ${code} twice`);
        seen |= 1 << code;
      }
      this.#field(reader, code);
    }
  }

  #field(reader: Reader, code: number): void {
    switch (code) {
      case 1:
        this.path = reader.enterVariant("o").objectPath();
        return;
      case 2:
        this.interface = reader.enterVariant("s").text(interfaces, "an interface name");
        return;
      case 3:
        this.member = reader.enterVariant("s").text(members, "a member name");
        return;
      case 4:
        this.errorName = reader.enterVariant("s").text(interfaces, "an error name");
        return;
      case 5:
        this.replySerial = reader.enterVariant("u").uint32();
        return;
      case 6:
        this.destination = reader.enterVariant("s").text(busNames, "a bus name");
        return;
      case 7:
        this.sender = reader.enterVariant("s").text(busNames, "a bus name");
        return;
      case 8:
        this.signature = reader.enterVariant("g").signature();
        return;
      default:
        // 9 counts file descriptors, which are never negotiated; unknown ones have to be ignored.
        reader.skipVariant();
    }
  }

  check(bodyLength: number): void {
    if (bodyLength > 0 && this.signature === "") throw malformed("a body without a signature");
    const isAnswer = this.type === "method_return" || this.type === "error";
    if (isAnswer && this.replySerial === 0) throw this.#without("reply serial");
    if (this.type === "error" && this.errorName === "") throw this.#without("error name");
    if (isAnswer) return;
    if (this.path === "") throw this.#without("path");
    if (this.member === "") throw this.#without("member");
    if (this.type !== "signal") return;
    if (this.interface === "") throw this.#without("interface");
  }

  #without(field: string): DBusProtocolError {
    return malformed(`a message of type ${this.type} without ${field}`);
  }
}

/** Serves all messages: each copies its fields. */
const header = new HeaderFields();

function isLittleEndian(bytes: Buffer, start: number): boolean {
  const order = bytes[start]!;
  if (order !== 0x6c && order !== 0x42) throw malformed(`byte order 0x${order.toString(16)}`);
  return order === 0x6c;
}

function malformed(what: string): DBusProtocolError {
  return new DBusProtocolError("malformed", what);
}
