import { decodeValues } from "./decode.ts";
import { DBusProtocolError } from "./errors.ts";
import { excerpt } from "../../platform/data/escape.ts";
import type { Span } from "./reader.ts";
import { Reader } from "./reader.ts";
import type { Value } from "./value.ts";

/** The message types of the specification, under its names in lower case. */
export type MessageType = "method_call" | "method_return" | "error" | "signal";

/** Bits of {@link MessageHeader.flags}. */
export const MessageFlag = {
  NoReplyExpected: 0x1,
  NoAutoStart: 0x2,
  AllowInteractiveAuthorization: 0x4,
} as const;

/** What a message says of itself, before its body. Absent fields are `""` or 0. */
export interface MessageHeader {
  readonly type: MessageType;
  /** Bits of {@link MessageFlag}; others are to be ignored. */
  readonly flags: number;
  /** Never 0. */
  readonly serial: number;
  /** Serial of the message that this one answers. */
  readonly replySerial: number;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** Such as `org.freedesktop.DBus.Error.NoReply`. */
  readonly errorName: string;
  readonly destination: string;
  /** The unique name of the sender, set by the bus. */
  readonly sender: string;
  /** The types of the body's values; `""` for none. */
  readonly signature: string;
}

/** Called with what is wrong in a body; what it gives is thrown. */
export type OnMalformedBody = (error: DBusProtocolError) => void;

/**
 * A message whose header is read and whose body is not. It holds on to the bytes that it came
 * in, often more than its own: keep what was read from it, not the message.
 */
export class Message implements MessageHeader {
  readonly type: MessageType;
  readonly flags: number;
  readonly serial: number;
  readonly replySerial: number;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly errorName: string;
  readonly destination: string;
  readonly sender: string;
  readonly signature: string;
  readonly #span: Span;
  readonly #onMalformed: OnMalformedBody | undefined;

  constructor(header: MessageHeader, span: Span, onMalformed?: OnMalformedBody) {
    this.type = header.type;
    this.flags = header.flags;
    this.serial = header.serial;
    this.replySerial = header.replySerial;
    this.path = header.path;
    this.interface = header.interface;
    this.member = header.member;
    this.errorName = header.errorName;
    this.destination = header.destination;
    this.sender = header.sender;
    this.signature = header.signature;
    this.#span = span;
    this.#onMalformed = onMalformed;
  }

  /**
   * All values of the body, decoded anew at each call.
   *
   * @throws DBusProtocolError `malformed`, `limit`; the connection it came by closes with it
   */
  body(): Value[] {
    try {
      return decodeValues(this.#span, this.signature);
    } catch (error) {
      throw this.#told(error);
    }
  }

  /**
   * Reads from the body what is wanted of it, without decoding the rest.
   *
   * @param signature what the body must be; another one is an error
   * @param read walks the reader from the body's start, as far as it likes
   * @throws DBusProtocolError as {@link body} does
   */
  read<T>(signature: string, read: (reader: Reader) => T): T {
    try {
      if (this.signature !== signature) {
        const { signature: actual, member } = this;
        const what = `a body of "${signature}" is due in ${excerpt(member || this.type)}`;
        throw new DBusProtocolError("malformed", `${what}, but it is "${excerpt(actual)}"`);
      }
      return read(new Reader(this.#span));
    } catch (error) {
      throw this.#told(error);
    }
  }

  #told(error: unknown): unknown {
    if (error instanceof DBusProtocolError) this.#onMalformed?.(error);
    return error;
  }
}
