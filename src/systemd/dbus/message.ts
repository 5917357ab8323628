import { decodeValues } from "./decode.ts";
import { DBusProtocolError } from "./errors.ts";
import { excerpt } from "../../platform/data/escape.ts";
import type { Span } from "./reader.ts";
import { Reader } from "./reader.ts";
import type { Value } from "./value.ts";

/** Message types of the specification, in lower case. */
export type MessageType = "method_call" | "method_return" | "error" | "signal";

/** Bits of {@link MessageHeader.flags}. */
export const MessageFlag = {
  NoReplyExpected: 0x1,
  NoAutoStart: 0x2,
  AllowInteractiveAuthorization: 0x4,
} as const;

/** Header of a message. Absent fields are `""` or 0. */
export interface MessageHeader {
  readonly type: MessageType;
  /** Bits of {@link MessageFlag}; unknown ones have to be ignored. */
  readonly flags: number;
  /** Never 0. */
  readonly serial: number;
  /** Serial of the message that this one replies to. */
  readonly replySerial: number;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** Such as `org.freedesktop.DBus.Error.NoReply`. */
  readonly errorName: string;
  readonly destination: string;
  /** Unique name of the sender, set by the bus. */
  readonly sender: string;
  /** Types of the body's values; `""` for none. */
  readonly signature: string;
}

/** Called with the error of a malformed body before it is thrown. */
export type OnMalformedBody = (error: DBusProtocolError) => void;

/**
 * A message with its header decoded and its body not. It references the chunk that it arrived in,
 * often far more than its own bytes: keep the values read from it, not the message.
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
   * Decodes all values of the body, again at each call.
   *
   * @throws DBusProtocolError `malformed`, `limit`; its connection closes with it
   */
  body(): Value[] {
    try {
      return decodeValues(this.#span, this.signature);
    } catch (error) {
      throw this.#reported(error);
    }
  }

  /**
   * Reads a part of the body without decoding the rest.
   *
   * @param signature required signature of the body; another one is an error
   * @param read moves the reader from the body's start as far as it needs
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
      throw this.#reported(error);
    }
  }

  #reported(error: unknown): unknown {
    if (error instanceof DBusProtocolError) this.#onMalformed?.(error);
    return error;
  }
}
