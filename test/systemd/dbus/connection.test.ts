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

test("it authenticates by its user id, says Hello and knows its name", async () => {
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

test("without a user id the peer is to see who we are", async () => {
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

test("a bus that answers Hello with an error refuses us", async () => {
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

test("a call resolves to its reply", async () => {
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

test("an error reply rejects its call by name and text, and no more than that", async () => {
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

test("signals arrive in the stream's order, with replies read between them", async () => {
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

test("messages in one-byte chunks arrive all the same", async () => {
  const seen: unknown[] = [];
  const { peer } = await connected({ onSignal: (message) => seen.push(message.member) });
  const bytes = encodeMessage(signal);
  peer.say(...[...bytes, ...bytes].map((byte) => Uint8Array.of(byte)));
  await settled();
  expect(seen).toEqual(["Changed", "Changed"]);
});

test("a message of a type that is not known is ignored, and one in the other byte order is not", async () => {
  const seen: unknown[] = [];
  const { peer } = await connected({ onSignal: (message) => seen.push(message.body()) });
  const unknown = encodeMessage(signal);
  unknown[1] = 77;
  peer.say(unknown, encodeMessage(signal, false));
  await settled();
  expect(seen).toEqual([["value"]]);
});

test("it answers Ping, and no other method", async () => {
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

test("serials wrap around to 1, past those that wait", async () => {
  const { peer, connection } = await connected({ firstSerial: 0xfffffffe });
  const calls = Array.from({ length: 4 }, () => connection.call(request));
  const sent = peer.takeMessages();
  expect(sent.map((call) => call.serial)).toEqual([0xfffffffe, 0xffffffff, 1, 2]);
  for (const [i, call] of sent.entries()) peer.send(replyTo(call, { serial: i + 1 }));
  await Promise.all(calls);
});

test("a call without a reply in time closes the connection", async () => {
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

test("a call that is aborted is given up, and its late reply ignored", async () => {
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

test("the caller's signal ends the connection and what waits for it", async () => {
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

test("a signal that was aborted before sends nothing", async () => {
  const peer = new FakePeer();
  const connecting = DBusConnection.connect(peer, { signal: AbortSignal.abort() });
  expect(await rejection(connecting)).toMatchObject({ code: "aborted" });
  expect(peer.takeSent()).toHaveLength(0);
  expect(peer.closeCalls).toBe(1);
});

test("closing it rejects what waits, and is no error", async () => {
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

test("closing it in a handler hands on nothing of what came with it", async () => {
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

test("a handler that throws closes the connection, and says so", async () => {
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

test("a reader of a reply that throws rejects its call alone", async () => {
  const { peer, connection } = await connected();
  const calling = connection.call(request, () => {
    throw new RangeError("not for me");
  });
  peer.send(replyTo(peer.takeMessages()[0]!, { serial: 1 }));
  expect(await rejection(calling)).toEqual(new RangeError("not for me"));
  expect(peer.closeCalls).toBe(0);
});

test("a request that can't be sent is the caller's error", async () => {
  const { peer, connection } = await connected();
  const wrong = connection.call({ ...request, signature: "u", body: [-1] });
  expect(await rejection(wrong)).toBeInstanceOf(TypeError);
  expect(await rejection(connection.call({ ...request, member: "no good" }))).toBeInstanceOf(
    TypeError,
  );
  expect(peer.takeSent()).toHaveLength(0);
  expect(peer.closeCalls).toBe(0);
});

test("calls that wait are bounded", async () => {
  const { connection } = await connected();
  const calls = Array.from({ length: maxPendingCalls }, () => rejection(connection.call(request)));
  expect(await rejection(connection.call(request))).toMatchObject({ code: "limit" });
  connection.close();
  for (const error of await Promise.all(calls)) expect(error).toMatchObject({ code: "closed" });
});

test("a body that proves to be wrong after its message was handed out closes the connection", async () => {
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
