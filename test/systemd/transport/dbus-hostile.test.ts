import { expect, test } from "@jest/globals";
import type { OutgoingMessage } from "../../../src/systemd/dbus/encode.ts";
import { encodeMessage } from "../../../src/systemd/dbus/encode.ts";
import { type Value, Variant } from "../../../src/systemd/dbus/value.ts";
import { BridgeError } from "../../../src/systemd/transport/bridge-error.ts";
import { unitPath } from "../../../src/systemd/format/objects.ts";
import { FakeRuntime } from "../../support/systemd/fake-runtime.ts";
import {
  standingBridge,
  watchBridge,
  type WatchedBridge,
} from "../../support/systemd/watched-bridge.ts";

const PROPERTIES = "org.freedesktop.DBus.Properties";
const UNIT = "org.freedesktop.systemd1.Unit";

/** How it ended: the error, what ended the bridge, and what waits still. */
async function outcome(watched: WatchedBridge): Promise<Record<string, unknown>> {
  const error = await watched.done;
  return {
    isBridgeError: error instanceof BridgeError,
    message: error?.message,
    ends: watched.history.filter((line) => /end of input|kill/.test(line)),
    timers: watched.clock.pendingTimers,
  };
}

/** The connection was closed for this reason, by the end of its input, and nothing waits. */
function closed(why: RegExp): Record<string, unknown> {
  const message: unknown = expect.stringMatching(why);
  return { isBridgeError: true, message, ends: ["end of input"], timers: 0 };
}

function propertiesChanged(
  unit: string,
  signature: string,
  body: Value[],
): Omit<OutgoingMessage, "serial"> {
  const signal = { path: unitPath(unit), interface: PROPERTIES, member: "PropertiesChanged" };
  return { type: "signal", ...signal, signature, body };
}

test.each([
  ["a page", "HTTP/1.1 400 Bad Request\r\n\r\n", /not an answer to AUTH EXTERNAL: HTTP/],
  ["bytes of no meaning", "\x00\xff\x17\r\n", /not an answer to AUTH EXTERNAL: \\x00/],
  ["a line without an end", "x".repeat(20_000), /more than 16384 bytes/],
  ["no end of lines", "DATA\r\n".repeat(100), /more than 16 lines/],
  ["a refusal", "REJECTED EXTERNAL\r\n", /refused AUTH EXTERNAL/],
])("rejects %s instead of an answer to AUTH", async (_what, greeting, why) => {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => void (systemd.greeting = greeting);
  expect(await outcome(watchBridge({ runtime }))).toEqual(closed(why));
});

test("fails when AUTH isn't answered", async () => {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => void (systemd.greeting = "");
  const watched = watchBridge({ runtime });
  await watched.clock.advance(10_000);
  expect(await outcome(watched)).toEqual(closed(/the handshake took more than 10000 ms/));
});

test("fails on bytes that are no message", async () => {
  const watched = await standingBridge();
  watched.bridge.stdout.write(Buffer.alloc(64, 0x20));
  expect(await outcome(watched)).toEqual(closed(/byte order|header|message/));
});

test("resolves when the stream ends within a message", async () => {
  const watched = await standingBridge();
  const message = encodeMessage({
    ...propertiesChanged("a.service", "sa{sv}as", [UNIT, new Map(), []]),
    serial: 1,
  });
  watched.bridge.stdout.write(message.subarray(0, message.length - 5));
  watched.bridge.ends();
  expect(await watched.done).toBeUndefined();
  expect(watched.history).toEqual(["end of input"]);
});

test("reads a message that comes byte by byte", async () => {
  const watched = await standingBridge();
  const path = "/org/freedesktop/systemd1";
  const signal = { path, interface: "org.freedesktop.systemd1.Manager", member: "UnitRemoved" };
  const body = { signature: "so", body: ["a.service", "/u"], serial: 9, sender: ":1.1" };
  for (const byte of encodeMessage({ type: "signal", ...signal, ...body })) {
    watched.bridge.stdout.write(Buffer.of(byte));
  }
  await watched.saw("removed a.service");
  watched.abort.abort();
  expect(await watched.done).toBeUndefined();
});

const properties = (name: string, value: Variant): Value[] => [UNIT, new Map([[name, value]]), []];

test.each([
  ["another signature", "s", ["x"], /"sa\{sv\}as" is due in PropertiesChanged, but it is "s"/],
  ["no body", "", [], /"sa\{sv\}as" is due/],
  [
    "a number for a state",
    "sa{sv}as",
    properties("ActiveState", new Variant("u", 1)),
    /variant of s/,
  ],
  [
    "a word for a time",
    "sa{sv}as",
    properties("StateChangeTimestamp", new Variant("s", "x")),
    /variant of t/,
  ],
  [
    "a word for an id",
    "sa{sv}as",
    properties("InvocationID", new Variant("s", "x")),
    /variant of ay/,
  ],
])("ends the stream on PropertiesChanged with %s", async (_what, signature, body, why) => {
  const watched = await standingBridge();
  watched.systemd.send(propertiesChanged("a.service", signature, body));
  expect(await outcome(watched)).toEqual(closed(why));
});

test.each(["UnitNew", "UnitRemoved", "Reloading", "NameOwnerChanged"])(
  "ends the stream on %s with another signature",
  async (member) => {
    const watched = await standingBridge();
    const sender = member === "NameOwnerChanged" ? "org.freedesktop.DBus" : ":1.1";
    const from = { path: "/x", interface: "x.y", sender };
    watched.systemd.send({ type: "signal", ...from, member, signature: "t", body: [1n] });
    expect(await outcome(watched)).toEqual(
      closed(new RegExp(`is due in ${member}, but it is "t"`)),
    );
  },
);

test("lists ten thousand units", async () => {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => {
    for (let i = 0; i < 10_000; i += 1) {
      systemd.units.set(`u${i}.service`, { activeState: "active", subState: "running" });
    }
  };
  const watched = await standingBridge({ runtime });
  expect(watched.sink.rows.size).toBe(10_000);
  watched.abort.abort();
  expect(await watched.done).toBeUndefined();
});

test("leaves out rows and words that systemd can't have sent", async () => {
  const runtime = new FakeRuntime();
  const active = { activeState: "active", subState: "running" };
  runtime.prepare = ({ systemd }) => {
    systemd.units
      .set("", active)
      .set("x".repeat(256), active)
      .set("x".repeat(255), active)
      .set("a.service", { activeState: "broken", subState: "running" })
      .set("b.service", { activeState: "active", subState: "no\nword" })
      .set("c.service", { activeState: "active", subState: "x".repeat(65) })
      .set("d.service", { activeState: "active", subState: "auto-restart-queued" });
  };
  const { sink, abort, done } = await standingBridge({ runtime });
  expect([...sink.rows]).toEqual([
    ["x".repeat(255), "active/running"],
    ["b.service", "active/"],
    ["c.service", "active/"],
    ["d.service", "active/auto-restart-queued"],
  ]);
  abort.abort();
  await done;
});

test("ignores new units whose names are too long", async () => {
  const watched = await standingBridge();
  watched.systemd.emit("UnitNew", "so", "x".repeat(256), "/u");
  watched.systemd.emit("UnitNew", "so", "x".repeat(1_000_000), "/u");
  watched.systemd.emit("UnitRemoved", "so", "a.service", "/u");
  await watched.saw("removed a.service");
  expect(watched.history).toEqual(["removed a.service"]);
  watched.abort.abort();
  await watched.done;
});

test("fails on a listing of another shape", async () => {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => void systemd.silent.add("ListUnits");
  const watched = watchBridge({ runtime });
  await watched.saw("asked ListUnits");
  const serial = watched.systemd.questions.length;
  const reply = { replySerial: serial, signature: "as", body: [["a"]] };
  watched.systemd.send({ type: "method_return", ...reply });
  expect(await outcome(watched)).toEqual(
    closed(/"a\(ssssssouso\)" is due in method_return, but it is "as"/),
  );
});

test("bounds the version, and leaves out an unknown system state and an impossible time", async () => {
  const runtime = new FakeRuntime();
  runtime.prepare = ({ systemd }) => {
    systemd.version = "9".repeat(1_000);
    systemd.systemState = "on fire";
    systemd.userspaceUs = 2n ** 63n;
  };
  const { sink, abort, done } = await standingBridge({ runtime });
  expect(sink.facts).toEqual([
    { kind: "manager", version: "9".repeat(128), timeNs: expect.any(BigInt) },
  ]);
  abort.abort();
  await done;
});

test("answers calls of the peer, and changes nothing", async () => {
  const watched = await standingBridge();
  const call = { path: "/", interface: "org.freedesktop.DBus.Peer", member: "Ping" };
  for (let i = 0; i < 100; i += 1) watched.systemd.send({ type: "method_call", ...call });
  watched.systemd.emit("UnitRemoved", "so", "a.service", "/u");
  await watched.saw("removed a.service");
  watched.abort.abort();
  expect(await watched.done).toBeUndefined();
});

test("fails when a peer calls and doesn't read the answers", async () => {
  const watched = await standingBridge();
  Object.defineProperty(watched.bridge.stdin, "writableLength", { value: 1024 * 1024 + 1 });
  const peer = { interface: "org.freedesktop.DBus.Peer", member: "Ping", path: "/" };
  watched.bridge.stdout.write(encodeMessage({ type: "method_call", serial: 7, ...peer }));
  expect(await outcome(watched)).toEqual(closed(/can't be written to: .* wait for it to read/));
});

test("ignores removed units whose names are too long", async () => {
  const watched = await standingBridge();
  watched.systemd.emit("UnitRemoved", "so", "x".repeat(256), "/u");
  watched.systemd.emit("UnitRemoved", "so", "x".repeat(255), "/u");
  await watched.saw(/^removed/);
  expect(watched.history.filter((line) => line.startsWith("removed"))).toEqual([
    `removed ${"x".repeat(255)}`,
  ]);
});

test("ends the stream when systemd executes itself again and again", async () => {
  const runtime = new FakeRuntime();
  const watched = watchBridge({ runtime, sink: (sink) => void (sink.sinceNs = 1n) });
  await watched.saw(/^manager/);
  runtime.journal = new Promise(() => {});
  for (let i = 0; i < 10; i++) watched.systemd.emitOwner("", ":1.1");
  await watched.saw("end of input");
  watched.abort.abort();
  await watched.done;
  const reads = watched.history.filter((line) => line === "journal read");
  expect(reads.length).toBeLessThanOrEqual(2);
});
