import { expect, test } from "@jest/globals";
import { DBusConnection } from "../../../src/systemd/dbus/connection.ts";
import { encodeMessage, type OutgoingMessage } from "../../../src/systemd/dbus/encode.ts";
import { DBusProtocolError, type DBusProtocolErrorCode } from "../../../src/systemd/dbus/errors.ts";
import { maxMessageBytes, maxUnsentBytes } from "../../../src/systemd/dbus/limits.ts";
import type { ConnectOptions } from "../../../src/systemd/dbus/connection.ts";
import { type Value, Variant } from "../../../src/systemd/dbus/value.ts";
import { connected, FakeClock, FakePeer, guid, rejection, settled } from "./support/fake-peer.ts";

/** Returns the error that a handshake ends with when the peer answers so. */
async function handshakeError(
  act: (peer: FakePeer, clock: FakeClock) => void,
  options: ConnectOptions = {},
): Promise<DBusProtocolError> {
  const peer = new FakePeer();
  const clock = new FakeClock();
  const connecting = DBusConnection.connect(peer, { clock, ...options });
  connecting.catch(() => {});
  act(peer, clock);
  await settled();
  clock.advance(0);
  const error = await rejection(connecting);
  expect(error).toBeInstanceOf(DBusProtocolError);
  expect(peer.closeCalls).toBe(1);
  expect(clock.timers).toBe(0);
  return error as DBusProtocolError;
}

/** Returns the error that a connection ends with when the peer sends the bytes. Each body is decoded. */
async function connectionError(...chunks: Uint8Array[]): Promise<DBusProtocolError> {
  const { peer, connection } = await connected({ onSignal: (message) => void message.body() });
  const calling = rejection(
    connection.call({ path: "/", interface: "org.example.Test", member: "Get" }),
  );
  peer.say(...chunks);
  await settled();
  expect(peer.closeCalls).toBe(1);
  const error = await connection.closed;
  expect(error).toBeInstanceOf(DBusProtocolError);
  expect(await calling).toBe(error);
  return error!;
}

const runtimeSays =
  "OCI runtime exec failed: exec failed: unable to start container process: exec: " +
  '"systemd-stdio-bridge": executable file not found in $PATH: unknown';

test.each([
  ["a line", [`${runtimeSays}\r\n`]],
  ["a line of Unix", [`${runtimeSays}\n`]],
  ["pieces", `${runtimeSays}\n`.split("")],
])("reports a runtime's error text in place of an answer, as %s", async (_, said) => {
  const error = await handshakeError((peer) => peer.say(...said));
  expect(error.code).toBe("malformed");
  expect(error.message).toBe(`not an answer to AUTH EXTERNAL: ${runtimeSays}`);
});

test("reports a runtime's error text that ends the stream", async () => {
  const error = await handshakeError((peer) => {
    peer.say(runtimeSays);
    peer.end();
  });
  expect(error.code).toBe("eof");
  expect(error.message).toContain(runtimeSays);
});

test("reports a peer's bytes in one short line of printable ASCII", async () => {
  const said = `\u001b[2J\u0007ü\0${"x".repeat(2000)}\r\n`;
  const error = await handshakeError((peer) => peer.say(said));
  expect(error.message).toMatch(/^[ -~]*… \(2\d{3} bytes\)$/);
  expect(error.message).toContain("\\x1b[2J\\x07\\xc3\\xbc\\x00xxx");
  expect(error.message.length).toBeLessThan(500);
});

test.each<[string, string, DBusProtocolErrorCode]>([
  ["a refusal", "REJECTED EXTERNAL ANONYMOUS\r\n", "refused"],
  ["a bare refusal", "REJECTED\r\n", "refused"],
  ["an error", "ERROR what was that\r\n", "refused"],
  ["no GUID", "OK\r\n", "malformed"],
  ["a short GUID", "OK 0123\r\n", "malformed"],
  ["no carriage return", `OK ${guid}\n`, "malformed"],
  ["an empty line", "\r\n", "malformed"],
  ["what we did not ask for", "AGREE_UNIX_FD\r\n", "malformed"],
  ["bytes of a message", "l\u0004\u0001\u0001\n", "malformed"],
  ["DATA for ever", "DATA\r\n".repeat(1000), "limit"],
])("ends the handshake on %s", async (_, said, code) => {
  expect(await handshakeError((peer) => peer.say(said), { uid: 7 })).toMatchObject({ code });
});

test("reports the refused identity and the offered mechanisms", async () => {
  const error = await handshakeError((peer) => peer.say("REJECTED KERBEROS_V4\r\n"), { uid: 7 });
  expect(error.message).toBe("the peer refused AUTH EXTERNAL as uid 7: REJECTED KERBEROS_V4");
});

test.each([
  ["one chunk", ["A".repeat(20_000)]],
  ["many chunks", Array.from({ length: 400 }, () => "A".repeat(50))],
  ["a line of one chunk", [`${"A".repeat(20_000)}\r\n`]],
])("ends an authentication line without end at 16 KiB, in %s", async (_, said) => {
  const error = await handshakeError((peer) => peer.say(...said));
  expect(error.code).toBe("limit");
  expect(error.message).toMatch(/^a line of more than 16384 bytes .*: A{400}… \(\d{5} bytes\)$/);
});

test.each<[string, string[], string]>([
  ["at once", [], "the peer ended the stream, before an answer to AUTH"],
  [
    "in a line",
    ["OK 01234"],
    "the peer ended the stream, before an answer to AUTH, but said: OK 01234",
  ],
  ["before Hello is answered", [`OK ${guid}\r\n`], "the peer ended the stream"],
])("ends the handshake when the stream ends %s", async (_, said, message) => {
  const error = await handshakeError((peer) => {
    peer.say(...said);
    peer.end();
  });
  expect(error).toMatchObject({ code: "eof", message });
});

test("ends the handshake with the error of a failing stream", async () => {
  const cause = new Error("ECONNRESET");
  const error = await handshakeError((peer) => peer.end(cause));
  expect(error).toMatchObject({ code: "stream", cause });
});

test.each<[string, string[]]>([
  ["to AUTH", []],
  ["to AUTH after half a line", ["OK"]],
  ["to Hello", [`OK ${guid}\r\n`]],
])("ends the handshake without an answer %s in time", async (_, said) => {
  const error = await handshakeError(
    (peer, clock) => {
      peer.say(...said);
      setImmediate(() => clock.advance(2000));
    },
    { handshakeTimeoutMs: 2000 },
  );
  expect(error.code).toBe("timeout");
  expect(error.message).toContain("the handshake took more than 2000 ms");
});

test("ends the handshake when a write fails", async () => {
  for (const onWrite of [
    () => Promise.reject(new Error("EPIPE")),
    () => {
      throw new Error("EPIPE");
    },
  ]) {
    const peer = new FakePeer();
    peer.onWrite = onWrite;
    const error = await rejection(DBusConnection.connect(peer));
    expect(error).toMatchObject({ code: "stream", cause: { message: "EPIPE" } });
    expect(peer.closeCalls).toBe(1);
  }
});

const signal: OutgoingMessage = {
  type: "signal",
  serial: 1,
  path: "/",
  interface: "org.example.Test",
  member: "Changed",
};

/** A signal whose body is of other types than it was written with. */
function disguised(signature: string, written: string, body: Value[]): Buffer {
  const placeholder = "y".repeat(signature.length);
  const head = encodeMessage({
    ...signal,
    signature: placeholder,
    body: Array.from(placeholder, () => 0),
  });
  const bytes = encodeMessage({ ...signal, signature: written, body });
  const at = head.lastIndexOf(placeholder);
  const bodyLength = bytes.readUInt32LE(4);
  head.write(signature, at, "latin1");
  head.writeUInt32LE(bodyLength, 4);
  const headLength = head.length - placeholder.length;
  return Buffer.concat([head.subarray(0, headLength), bytes.subarray(bytes.length - bodyLength)]);
}

test("accepts the message that these tests alter", async () => {
  const seen: unknown[] = [];
  const { peer } = await connected({ onSignal: (message) => seen.push(message.body()) });
  peer.say(disguised("as", "as", [["a"]]), disguised("u", "i", [-1]));
  await settled();
  expect(seen).toEqual([[["a"]], [0xffffffff]]);
});

test.each([
  ["an array of empty structs", "a()"],
  ["an empty struct", "()"],
  ["a struct that does not end", "(s"],
  ["a struct that does not begin", "s)"],
  ["an array of nothing", "a"],
  ["a dict entry alone", "{sv}"],
  ["a dict entry in a struct", "({sv})"],
  ["a key that is an array", "a{asv}"],
  ["a key that is a variant", "a{vs}"],
  ["a dict entry of one type", "a{s}"],
  ["a dict entry of three", "a{sss}"],
  ["a type that there is not", "z"],
  ["a reserved type", "r"],
  ["33 arrays", `${"a".repeat(33)}y`],
  ["33 structs", `${"(".repeat(33)}y${")".repeat(33)}`],
  ["a byte above ASCII", "s\u00e9"],
])("rejects the signature of %s", async (_, signature) => {
  const message = disguised(signature, "u", [1000]);
  expect(await connectionError(message)).toMatchObject({ code: "malformed" });
});

test("rejects a variant of an array of empty structs", async () => {
  // v: signature "a()", padding, an array of 8 bytes
  const body = Buffer.from([3, 0x61, 0x28, 0x29, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0]);
  const message = disguised("v", "(tt)", [[body.readBigUInt64LE(0), body.readBigUInt64LE(8)]]);
  const error = await connectionError(message);
  expect(error.code).toBe("malformed");
});

test.each<[string, number[]]>([
  ["no type", [0, 0]],
  ["two types", [2, 0x79, 0x79, 0, 1, 2]],
  ["a signature without NUL", [1, 0x79, 1, 1]],
  ["a signature past the end", [200, 0x79, 0, 1]],
])("rejects a variant of %s", async (_, body) => {
  const written = "y".repeat(body.length);
  const error = await connectionError(disguised("v", written, body));
  expect(error.code).toBe("malformed");
});

test("accepts variants nested to 64 containers, and no deeper", async () => {
  const nested = (levels: number): Value => {
    let value: Variant = new Variant("y", 1);
    for (let i = 1; i < levels; i += 1) value = new Variant("v", value);
    return value;
  };
  const { peer, connection } = await connected({ onSignal: (message) => void message.body() });
  peer.send({ ...signal, signature: "v", body: [nested(64)] });
  await settled();
  expect(peer.closeCalls).toBe(0);
  expect(() => encodeMessage({ ...signal, signature: "v", body: [nested(65)] })).toThrow(TypeError);
  // v, a signature of "v", 65 times over
  const body = Array.from({ length: 65 }, () => [1, 0x76, 0]).flat();
  peer.say(disguised("v", "y".repeat(body.length), body));
  expect(await connection.closed).toMatchObject({ code: "malformed" });
});

/** A signal with four of its bytes changed. */
function patched(message: OutgoingMessage, at: (bytes: Buffer) => number, value: number): Buffer {
  const bytes = encodeMessage(message);
  bytes.writeUInt32LE(value, at(bytes));
  return bytes;
}
const text = { ...signal, signature: "s", body: ["abcdefg"] };
const array = { ...signal, signature: "au", body: [[1, 2]] };

test.each<[string, Buffer]>([
  ["a string past its end", patched(text, (bytes) => bytes.length - 12, 9)],
  ["a string of 4 GiB", patched(text, (bytes) => bytes.length - 12, 0xffffffff)],
  ["a string without its NUL", patched(text, (bytes) => bytes.length - 4, 0x78787878)],
  ["a string with a NUL in it", patched(text, (bytes) => bytes.length - 8, 0x78007878)],
  ["a string that is not UTF-8", patched(text, (bytes) => bytes.length - 8, 0x78c07878)],
  ["a string that leaves bytes over", patched(text, (bytes) => bytes.length - 12, 3)],
  ["an array past its end", patched(array, (bytes) => bytes.length - 12, 12)],
  ["an array of more than 64 MiB", patched(array, (bytes) => bytes.length - 12, 0x4000001)],
  ["an array that ends in an element", patched(array, (bytes) => bytes.length - 12, 7)],
  ["an array that leaves bytes over", patched(array, (bytes) => bytes.length - 12, 4)],
  ["a boolean of 2", disguised("b", "u", [2])],
  ["an invalid object path", disguised("o", "s", ["//"])],
  ["a body that ends too early", disguised("us", "u", [1])],
  ["padding that is not zero", disguised("yu", "yyyyu", [1, 0, 7, 0, 1])],
  ["no body where a signature says one", disguised("u", "", [])],
])("closes the connection on a body of %s", async (_, bytes) => {
  expect(await connectionError(bytes)).toMatchObject({ code: "malformed" });
});

test.each<[string, (bytes: Buffer) => void, DBusProtocolErrorCode]>([
  ["another byte order", (bytes) => bytes.writeUInt8(0x4c, 0), "malformed"],
  ["type 0", (bytes) => bytes.writeUInt8(0, 1), "malformed"],
  ["protocol version 2", (bytes) => bytes.writeUInt8(2, 3), "malformed"],
  ["serial 0", (bytes) => bytes.writeUInt32LE(0, 8), "malformed"],
  ["a body of 16 MiB", (bytes) => bytes.writeUInt32LE(maxMessageBytes, 4), "limit"],
  ["a body of 4 GiB", (bytes) => bytes.writeUInt32LE(0xffffffff, 4), "limit"],
  ["a header of 16 MiB", (bytes) => bytes.writeUInt32LE(maxMessageBytes, 12), "limit"],
  ["a header of 4 GiB", (bytes) => bytes.writeUInt32LE(0xffffffff, 12), "limit"],
  ["fields that end too early", (bytes) => bytes.writeUInt32LE(9, 12), "malformed"],
  ["a path of another type", (bytes) => bytes.write("s", 18, "latin1"), "malformed"],
  ["field 0", (bytes) => bytes.writeUInt8(0, 16), "malformed"],
  ["a field twice", (bytes) => bytes.writeUInt8(1, 32), "malformed"],
  ["an invalid path", (bytes) => bytes.write("x", 24, "latin1"), "malformed"],
])("closes the connection on a header with %s", async (_, change, code) => {
  const bytes = encodeMessage(signal);
  change(bytes);
  expect(await connectionError(bytes)).toMatchObject({ code });
});

test.each<[string, OutgoingMessage]>([
  ["signal without path", { type: "signal", serial: 1, interface: "a.b", member: "M" }],
  ["signal without interface", { type: "signal", serial: 1, path: "/", member: "M" }],
  ["signal without member", { type: "signal", serial: 1, path: "/", interface: "a.b" }],
  ["method_call without path", { type: "method_call", serial: 1, member: "M" }],
  ["method_call without member", { type: "method_call", serial: 1, path: "/" }],
  ["method_return without reply serial", { type: "method_return", serial: 1 }],
  ["error without reply serial", { type: "error", serial: 1, errorName: "a.b" }],
  ["error without error name", { type: "error", serial: 1, replySerial: 1 }],
])("closes the connection on a %s", async (what, message) => {
  const error = await connectionError(encodeMessage(message));
  expect(error).toMatchObject({ code: "malformed", message: `a message of type ${what}` });
});

test("reports the position when the stream ends within a message", async () => {
  const bytes = encodeMessage(text);
  for (const length of [1, 15, 16, 17, bytes.length - 1]) {
    const { peer, connection } = await connected();
    peer.say(bytes.subarray(0, length));
    peer.end();
    const message = `the peer ended the stream ${length} bytes into a message`;
    expect(await connection.closed).toMatchObject({ code: "eof", message });
  }
});

test("rejects a body that would take unbounded memory", async () => {
  const empties = { ...signal, signature: "aay", body: [[]] };
  const bytes = encodeMessage(empties);
  const count = 3_000_000;
  bytes.writeUInt32LE(4 + 4 * count, 4);
  bytes.writeUInt32LE(4 * count, bytes.length - 4);
  expect(await connectionError(bytes, Buffer.alloc(4 * count))).toMatchObject({ code: "limit" });
});

test("rejects a header of endless fields", async () => {
  const bytes = encodeMessage(signal);
  const field = Buffer.from([99, 1, 0x79, 0, 0, 0, 0, 0]);
  const fields = Buffer.concat(Array.from({ length: 65 }, () => field));
  bytes.writeUInt32LE(Math.ceil(bytes.readUInt32LE(12) / 8) * 8 + fields.length, 12);
  expect(await connectionError(bytes, fields)).toMatchObject({ code: "malformed" });
});

test("closes the connection of a peer that calls and never reads", async () => {
  const { peer, connection } = await connected();
  peer.onWrite = () => new Promise(() => {});
  const call = { ...signal, type: "method_call" } as const;
  const calls = encodeMessage(call).toString("latin1").repeat(100);
  for (let i = 0; i < 200; i += 1) peer.say(Buffer.from(calls, "latin1"));
  expect(await connection.closed).toMatchObject({ code: "limit" });
  expect(peer.takeSent().length).toBeLessThanOrEqual(maxUnsentBytes);
});

test("closes the connection on a chunk that isn't bytes", async () => {
  const { peer, connection } = await connected();
  peer.say({} as Uint8Array);
  expect(await connection.closed).toBeInstanceOf(DBusProtocolError);
});
