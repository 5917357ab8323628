import { expect, test } from "@jest/globals";
import { DBusConnection } from "../../../src/systemd/dbus/connection.ts";
import { encodeMessage, type OutgoingMessage } from "../../../src/systemd/dbus/encode.ts";
import { DBusError, DBusProtocolError } from "../../../src/systemd/dbus/errors.ts";
import { maxPendingCalls } from "../../../src/systemd/dbus/limits.ts";
import {
  connected,
  FakeClock,
  FakePeer,
  guid,
  rejection,
  replyTo,
  settled,
} from "./support/fake-peer.ts";

const request = { path: "/", interface: "org.example.Test", member: "Get" };
const signal: OutgoingMessage = {
  type: "signal",
  serial: 1,
  path: "/org/example",
  interface: "org.example.Test",
  member: "Changed",
  signature: "s",
  body: ["value"],
};

test("authenticates by its user id, calls Hello and has its unique name", async () => {
  const peer = new FakePeer();
  const clock = new FakeClock();
  const connecting = DBusConnection.connect(peer, { uid: 65534, clock });
  expect(peer.takeSent().toString()).toBe("\0AUTH EXTERNAL 3635353334\r\n");
  peer.say(`OK ${guid}\r\n`);
  await settled();
  const sent = peer.takeSent();
  expect(sent.subarray(0, 7).toString()).toBe("BEGIN\r\n");
  peer.say(
    encodeMessage({
      type: "method_return",
      serial: 1,
      replySerial: sent.readUInt32LE(7 + 8),
      signature: "s",
      body: [":1.42"],
    }),
  );
  const connection = await connecting;
  expect(connection.uniqueName).toBe(":1.42");
  expect(clock.timers).toBe(0);
  expect(sent.toString("latin1")).toContain("Hello\0");
});

test("leaves the identity to the peer when there is no user id", async () => {
  const peer = new FakePeer();
  const connecting = DBusConnection.connect(peer, { hello: false });
  expect(peer.takeSent().toString()).toBe("\0AUTH EXTERNAL\r\n");
  peer.say("DATA\r\n");
  await settled();
  expect(peer.takeSent().toString()).toBe("DATA\r\n");
  peer.say(`OK ${guid}\r\n`);
  using connection = await connecting;
  expect(peer.takeSent().toString()).toBe("BEGIN\r\n");
  expect(connection.uniqueName).toBe("");
});

test("reports a refusal when the bus answers Hello with an error", async () => {
  const peer = new FakePeer();
  const connecting = DBusConnection.connect(peer, { clock: new FakeClock() });
  peer.say(`OK ${guid}\r\n`);
  await settled();
  const errorName = "org.freedesktop.DBus.Error.LimitsExceeded";
  peer.send({
    type: "error",
    serial: 1,
    replySerial: 1,
    errorName,
    signature: "s",
    body: ["full"],
  });
  const error = await rejection(connecting);
  expect(error).toMatchObject({ code: "refused", cause: { name: errorName } });
  expect(error.message).toContain("full");
  expect(peer.closeCalls).toBe(1);
});

test("resolves a call to its reply", async () => {
  const { peer, connection, clock } = await connected();
  const calling = connection.call({ ...request, signature: "s", body: ["what"] });
  const [call] = peer.takeMessages();
  expect(call).toMatchObject({ type: "method_call", ...request, signature: "s" });
  expect(call!.body()).toEqual(["what"]);
  peer.send(replyTo(call!, { serial: 9, signature: "u", body: [7] }));
  const reply = await calling;
  expect(reply.body()).toEqual([7]);
  expect(clock.timers).toBe(0);
});

test("rejects only the call of an error reply, with its name and text", async () => {
  const { peer, connection } = await connected();
  const calling = connection.call(request);
  const plain = connection.call(request);
  const [first, second] = peer.takeMessages();
  const name = "org.freedesktop.DBus.Error.NoReply";
  const body = { signature: "su", body: ["it never came", 1] };
  peer.send({ ...replyTo(first!, { serial: 9, ...body }), type: "error", errorName: name });
  peer.send({ ...replyTo(second!, { serial: 10 }), type: "error", errorName: "org.example.Bare" });
  const error = await rejection(calling);
  expect(error).toBeInstanceOf(DBusError);
  expect(error).toMatchObject({ name, message: "it never came" });
  expect(await rejection(plain)).toMatchObject({ name: "org.example.Bare", message: "" });
  const again = connection.call(request);
  peer.send(replyTo(peer.takeMessages()[0]!, { serial: 11 }));
  await again;
});

test("delivers signals in the stream's order, with replies read between them", async () => {
  const seen: unknown[] = [];
  const { peer, connection } = await connected({
    onSignal: (message) => seen.push(message.body()[0]),
  });
  const calling = connection.call(request, (reply) => seen.push(reply.body()[0]));
  const [call] = peer.takeMessages();
  peer.send(
    { ...signal, body: ["before"] },
    replyTo(call!, { serial: 2, signature: "s", body: ["reply"] }),
    { ...signal, body: ["after"] },
  );
  expect(await calling).toBe(2);
  expect(seen).toEqual(["before", "reply", "after"]);
});

test("reads messages in one-byte chunks", async () => {
  const seen: unknown[] = [];
  const { peer } = await connected({ onSignal: (message) => seen.push(message.member) });
  const bytes = encodeMessage(signal);
  peer.say(...[...bytes, ...bytes].map((byte) => Uint8Array.of(byte)));
  await settled();
  expect(seen).toEqual(["Changed", "Changed"]);
});

test("ignores a message of an unknown type, and reads one in the other byte order", async () => {
  const seen: unknown[] = [];
  const { peer } = await connected({ onSignal: (message) => seen.push(message.body()) });
  const unknown = encodeMessage(signal);
  unknown[1] = 77;
  peer.say(unknown, encodeMessage(signal, false));
  await settled();
  expect(seen).toEqual([["value"]]);
});

test("answers Ping, and no other method", async () => {
  const { peer } = await connected();
  const call = { type: "method_call", path: "/a", member: "Ping", sender: ":1.7" } as const;
  peer.send(
    { ...call, serial: 5, interface: "org.freedesktop.DBus.Peer" },
    { ...call, serial: 6, interface: "org.example.Other" },
    { ...call, serial: 7, interface: "org.example.Other", flags: 1 },
  );
  await settled();
  const answers = peer.takeMessages();
  expect(answers).toHaveLength(2);
  expect(answers[0]).toMatchObject({ type: "method_return", replySerial: 5, destination: ":1.7" });
  expect(answers[1]).toMatchObject({
    type: "error",
    replySerial: 6,
    errorName: "org.freedesktop.DBus.Error.UnknownMethod",
  });
});

test("wraps serials around to 1, past the pending ones", async () => {
  const { peer, connection } = await connected({ firstSerial: 0xfffffffe });
  const calls = Array.from({ length: 4 }, () => connection.call(request));
  const sent = peer.takeMessages();
  expect(sent.map((call) => call.serial)).toEqual([0xfffffffe, 0xffffffff, 1, 2]);
  for (const [i, call] of sent.entries()) peer.send(replyTo(call, { serial: i + 1 }));
  await Promise.all(calls);
});

test("closes the connection when a call has no reply in time", async () => {
  const { peer, connection, clock } = await connected({ callTimeoutMs: 500 });
  const calling = connection.call(request);
  const patient = connection.call({ ...request, timeoutMs: 5000 });
  clock.advance(499);
  expect(peer.closeCalls).toBe(0);
  clock.advance(1);
  const error = await rejection(calling);
  expect(error).toMatchObject({ code: "timeout" });
  expect(error.message).toBe("no reply to org.example.Test.Get within 500 ms");
  expect(await rejection(patient)).toBe(error);
  expect(await connection.closed).toBe(error);
  expect(clock.timers).toBe(0);
});

test("ends a call when its signal aborts, and ignores its late reply", async () => {
  const { peer, connection, clock } = await connected();
  const abort = new AbortController();
  const calling = connection.call({ ...request, signal: abort.signal });
  const [call] = peer.takeMessages();
  abort.abort(new Error("enough"));
  expect(await rejection(calling)).toMatchObject({ code: "aborted", cause: { message: "enough" } });
  expect(clock.timers).toBe(0);
  peer.send(replyTo(call!, { serial: 1 }));
  await settled();
  expect(peer.closeCalls).toBe(0);
  expect(await rejection(connection.call({ ...request, signal: abort.signal }))).toMatchObject({
    code: "aborted",
  });
  expect(peer.takeSent()).toHaveLength(0);
});

test("ends the connection and its pending calls when the caller's signal aborts", async () => {
  const abort = new AbortController();
  const { peer, connection } = await connected({ signal: abort.signal });
  const calling = connection.call(request);
  abort.abort(new Error("shutdown"));
  expect(await rejection(calling)).toMatchObject({
    code: "aborted",
    cause: { message: "shutdown" },
  });
  expect(await connection.closed).toMatchObject({ code: "aborted" });
  expect(peer.closeCalls).toBe(1);
});

test("sends nothing when the signal has aborted already", async () => {
  const peer = new FakePeer();
  const connecting = DBusConnection.connect(peer, { signal: AbortSignal.abort() });
  expect(await rejection(connecting)).toMatchObject({ code: "aborted" });
  expect(peer.takeSent()).toHaveLength(0);
  expect(peer.closeCalls).toBe(1);
});

test("rejects pending calls on close, which is no error", async () => {
  const { peer, connection, clock } = await connected();
  const calling = connection.call(request);
  connection.close();
  connection[Symbol.dispose]();
  expect(await rejection(calling)).toMatchObject({ code: "closed" });
  expect(await connection.closed).toBeUndefined();
  expect(await rejection(connection.call(request))).toMatchObject({ code: "closed" });
  expect(peer.closeCalls).toBe(1);
  expect(clock.timers).toBe(0);
});

test("delivers no further message of a chunk when a handler closes the connection", async () => {
  const seen: string[] = [];
  const { peer, connection } = await connected({
    onSignal: (message) => {
      seen.push(message.member);
      connection.close();
    },
  });
  peer.send(signal, signal, signal);
  await connection.closed;
  await settled();
  expect(seen).toEqual(["Changed"]);
});

test("closes the connection when a handler throws, and reports it", async () => {
  const cause = new TypeError("a bug");
  const { peer, connection } = await connected({
    onSignal: () => {
      throw cause;
    },
  });
  peer.send(signal);
  const error = await connection.closed;
  expect(error).toMatchObject({ code: "listener", cause });
  expect(error!.message).toContain("org.example.Test.Changed");
});

test("rejects only the call whose reader throws", async () => {
  const { peer, connection } = await connected();
  const calling = connection.call(request, () => {
    throw new RangeError("not for me");
  });
  peer.send(replyTo(peer.takeMessages()[0]!, { serial: 1 }));
  expect(await rejection(calling)).toEqual(new RangeError("not for me"));
  expect(peer.closeCalls).toBe(0);
});

test("throws to the caller when a request is invalid", async () => {
  const { peer, connection } = await connected();
  const wrong = connection.call({ ...request, signature: "u", body: [-1] });
  expect(await rejection(wrong)).toBeInstanceOf(TypeError);
  expect(await rejection(connection.call({ ...request, member: "no good" }))).toBeInstanceOf(
    TypeError,
  );
  expect(peer.takeSent()).toHaveLength(0);
  expect(peer.closeCalls).toBe(0);
});

test("bounds the pending calls", async () => {
  const { connection } = await connected();
  const calls = Array.from({ length: maxPendingCalls }, () => rejection(connection.call(request)));
  expect(await rejection(connection.call(request))).toMatchObject({ code: "limit" });
  connection.close();
  for (const error of await Promise.all(calls)) expect(error).toMatchObject({ code: "closed" });
});

test("closes the connection when a delivered message's body is malformed", async () => {
  const { peer, connection } = await connected();
  const calling = connection.call(request);
  const bytes = encodeMessage(
    replyTo(peer.takeMessages()[0]!, { serial: 3, signature: "b", body: [true] }),
  );
  bytes[bytes.length - 4] = 2;
  peer.say(bytes);
  const reply = await calling;
  expect(peer.closeCalls).toBe(0);
  expect(() => reply.body()).toThrow(DBusProtocolError);
  const error = await connection.closed;
  expect(error).toMatchObject({ code: "malformed" });
  expect(error!.message).toBe("a boolean of 2, at byte 4");
});
