import { expect, test } from "@jest/globals";
import { encodeMessage, type OutgoingMessage } from "../../../src/systemd/dbus/encode.ts";
import { DBusProtocolError } from "../../../src/systemd/dbus/errors.ts";
import { decodeMessage, frameLength } from "../../../src/systemd/dbus/header.ts";
import { frameOf, messageOf } from "./support/frames.ts";

const full: OutgoingMessage = {
  type: "error",
  flags: 7,
  serial: 0xffffffff,
  replySerial: 0x80000000,
  path: "/org/example",
  interface: "org.example.Interface",
  member: "Member",
  errorName: "org.example.Error",
  destination: "org.example.Bus-Name",
  sender: ":1.0",
  signature: "as",
  body: [["one"]],
};

test.each([true, false])("reads a whole header as it was written (%p)", (littleEndian) => {
  const { body, ...header } = full;
  const bytes = encodeMessage(full, littleEndian);
  expect(frameLength(frameOf(bytes), 0)).toBe(bytes.length);
  const message = messageOf(bytes);
  expect(message).toMatchObject(header);
  expect(message.body()).toEqual(body);
  expect(message.body()).toEqual(body);
});

test("leaves absent header fields empty", () => {
  const call = messageOf(encodeMessage({ type: "method_call", serial: 1, path: "/", member: "M" }));
  const empty = { interface: "", errorName: "", destination: "", sender: "", signature: "" };
  expect(call).toMatchObject({ ...empty, flags: 0, replySerial: 0 });
  expect(call.body()).toEqual([]);
});

test("skips unknown header fields", () => {
  const bytes = encodeMessage(full);
  const at = bytes.indexOf("org.example.Error") - 8;
  expect(bytes[at]).toBe(4);
  bytes[at] = 200;
  const what = "a message of type error without error name";
  expect(() => messageOf(bytes)).toThrow(what);
  const call = encodeMessage({ ...full, type: "method_call" });
  call[at] = 200;
  expect(messageOf(call).errorName).toBe("");
});

test("reports a body of another signature to the connection", () => {
  const reported: unknown[] = [];
  const message = decodeMessage(frameOf(encodeMessage(full)), (error) => reported.push(error))!;
  expect(() => message.read("s", (reader) => reader.string())).toThrow(
    'a body of "s" is due in Member, but it is "as"',
  );
  expect(reported).toEqual([expect.any(DBusProtocolError)]);
  const failing = () =>
    message.read("as", () => {
      throw new RangeError("the caller's own");
    });
  expect(failing).toThrow(RangeError);
  expect(reported).toHaveLength(1);
});
