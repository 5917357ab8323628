import { excerpt } from "../../platform/data/escape.ts";
import { encodeMessage } from "./encode.ts";
import { DBusError, type DBusProtocolError } from "./errors.ts";
import { type Message, MessageFlag } from "./message.ts";

const maxSerial = 0xffffffff;
const maxErrorTextLength = 4096;

/** Pending call. */
export interface PendingCall {
  /** Takes the reply; an error that it throws rejects the call. */
  resolve(reply: Message): void;
  reject(error: unknown): void;
  /** Called once, however the call ends. */
  release(): void;
}

/** Pending calls, and the serials of all messages sent. */
export class PendingCalls {
  readonly #calls = new Map<number, PendingCall>();
  #nextSerial: number;

  constructor(firstSerial = 1) {
    this.#nextSerial = firstSerial;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** Returns a serial that no pending call has: 1 to 4,294,967,295, then 1 again. */
  takeSerial(): number {
    let serial = this.#nextSerial;
    while (this.#calls.has(serial)) serial = after(serial);
    this.#nextSerial = after(serial);
    return serial;
  }

  add(serial: number, call: PendingCall): void {
    this.#calls.set(serial, call);
  }

  /** Settles a call with its reply or error reply. A reply to no pending call is late, and ignored. */
  settle(reply: Message): void {
    const call = this.#take(reply.replySerial);
    if (call === undefined) return;
    try {
      if (reply.type === "error") throw new DBusError(reply.errorName, errorText(reply));
      call.resolve(reply);
    } catch (error) {
      call.reject(error);
    }
  }

  reject(serial: number, error: DBusProtocolError): void {
    this.#take(serial)?.reject(error);
  }

  rejectAll(error: DBusProtocolError): void {
    for (const serial of this.#calls.keys()) this.reject(serial, error);
  }

  #take(serial: number): PendingCall | undefined {
    const call = this.#calls.get(serial);
    this.#calls.delete(serial);
    call?.release();
    return call;
  }
}

function after(serial: number): number {
  return serial === maxSerial ? 1 : serial + 1;
}

/** Reads the text of an error reply: its first value, if that is a string. */
function errorText(reply: Message): string {
  if (!reply.signature.startsWith("s")) return "";
  const text = reply.read(reply.signature, (reader) => reader.string());
  // A slice would keep all of the text in memory.
  return text.length > maxErrorTextLength
    ? Buffer.from(text.slice(0, maxErrorTextLength)).toString()
    : text;
}

/**
 * Encodes the reply to a peer's call. Only `org.freedesktop.DBus.Peer.Ping`, which every connection
 * has to answer, is a known method.
 *
 * @returns undefined if the caller expects no reply
 */
export function answerCall(call: Message, takeSerial: () => number): Buffer | undefined {
  if ((call.flags & MessageFlag.NoReplyExpected) !== 0) return undefined;
  const reply = {
    flags: MessageFlag.NoReplyExpected,
    serial: takeSerial(),
    replySerial: call.serial,
    ...(call.sender === "" ? {} : { destination: call.sender }),
  };
  if (call.interface === "org.freedesktop.DBus.Peer" && call.member === "Ping") {
    return encodeMessage({ ...reply, type: "method_return" });
  }
  return encodeMessage({
    ...reply,
    type: "error",
    errorName: "org.freedesktop.DBus.Error.UnknownMethod",
    signature: "s",
    body: [`no method ${excerpt(call.member)} at ${excerpt(call.path)}`],
  });
}
