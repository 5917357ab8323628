import { encodeMessage } from "./encode-message.ts";
import { excerpt } from "../../platform/data/escape.ts";
import { type Message, MessageFlag } from "./message.ts";

/**
 * The reply to a peer that calls us: we have no objects, only what every connection has to
 * answer, `org.freedesktop.DBus.Peer.Ping`. All else is an unknown method.
 *
 * @returns undefined where the caller wants no reply
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
