/*
 * Records what a bus sends, for test/fixtures/dbus; the README there says how it is run.
 *
 *   node test/systemd/dbus/support/record.ts systemd CONTAINER FILE
 *   node test/systemd/dbus/support/record.ts session FILE
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { nodeByteStream } from "../../../support/systemd/node-byte-stream.ts";
import { type ByteStream } from "../../../../src/systemd/dbus/byte-stream.ts";
import { DBusConnection } from "../../../../src/systemd/dbus/connection.ts";
import { encodeMessage } from "../../../../src/systemd/dbus/encode.ts";
import { type Value, Variant } from "../../../../src/systemd/dbus/value.ts";

const bus = {
  destination: "org.freedesktop.DBus",
  path: "/org/freedesktop/DBus",
  interface: "org.freedesktop.DBus",
};
const manager = {
  destination: "org.freedesktop.systemd1",
  path: "/org/freedesktop/systemd1",
  interface: "org.freedesktop.systemd1.Manager",
};
const chunks: Buffer[] = [];

function recorded(readable: Readable, writable: Writable): ByteStream {
  readable.on("data", (chunk: Buffer) => chunks.push(Buffer.from(chunk)));
  return nodeByteStream(readable, writable);
}

/** Writes the messages after the two lines of authentication, `DATA` and `OK …`. */
function write(file: string): void {
  const all = Buffer.concat(chunks);
  const ok = all.indexOf("\r\n", all.indexOf("OK "));
  writeFileSync(file, gzipSync(all.subarray(ok + 2), { level: 9 }));
}

async function recordSystemd(container: string, file: string): Promise<void> {
  const root = (...args: string[]) => execFileSync("docker", ["exec", container, ...args]);
  const bridge: ChildProcess = spawn(
    "docker",
    ["exec", "-i", "--user", "65534:65534", container, "systemd-stdio-bridge"],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  const connection = await DBusConnection.connect(recorded(bridge.stdout!, bridge.stdin!));
  const match = (rule: string) =>
    connection.call({
      ...bus,
      member: "AddMatch",
      signature: "s",
      body: [`type='signal',${rule}`],
    });
  const getAll = (path: string, of: string) =>
    connection.call({
      ...manager,
      path: manager.path + path,
      interface: "org.freedesktop.DBus.Properties",
      member: "GetAll",
      signature: "s",
      body: [`org.freedesktop.systemd1.${of}`],
    });
  const call = (member: string, signature: string, body: Value[]) =>
    connection.call({ ...manager, member, signature, body }).catch((error: unknown) => error);

  await match("sender='org.freedesktop.systemd1'");
  await match("sender='org.freedesktop.DBus',member='NameOwnerChanged'");
  await call("Subscribe", "", []);
  await call("Subscribe", "", []);
  await call("ListUnits", "", []);
  await call("GetUnit", "s", ["no-such.service"]);
  await call("StopUnit", "ss", ["dbus.service", "replace"]);
  await call("NoSuchMethod", "", []);
  await getAll("/unit/dbus_2eservice", "Unit");
  await getAll("/unit/dbus_2eservice", "Service");
  await getAll("/unit/dbus_2esocket", "Socket");
  await getAll("", "Manager");
  const loop = ["--unit=crash-loop", "-p", "Restart=always", "-p", "RestartSec=100ms"];
  root("systemd-run", ...loop, "-p", "StartLimitBurst=15", "sh", "-c", "exit 3");
  await delay(4000);
  root("systemctl", "reset-failed", "crash-loop.service");
  root("systemctl", "daemon-reload");
  root("systemctl", "daemon-reexec");
  await delay(1000);
  write(file);
  connection.close();
}

/** Every type there is, through a bus, in both byte orders. */
const everything = {
  signature: "ybnqiuxtdsogvayasaiaxa(yd)a{sv}a{tas}aaya{y(ov)}",
  body: [
    255,
    true,
    -32768,
    65535,
    -2147483648,
    4294967295,
    -9223372036854775808n,
    18446744073709551615n,
    -0.1,
    "Grüße, 世界 🌍",
    "/org/example/_1",
    "a{sv}(ii)",
    new Variant("v", new Variant("(si)", ["deep", -1])),
    new Uint8Array([0, 1, 254, 255]),
    ["", "one", "two"],
    [1, -1],
    [],
    [
      [1, 0.5],
      [2, 1e300],
    ],
    new Map<string, Value>([
      ["empty", new Variant("aas", [])],
      ["big", new Variant("t", 9007199254740993n)],
    ]),
    new Map([[7n, ["seven"]]]),
    [new Uint8Array(), new Uint8Array([9])],
    new Map([[1, ["/", new Variant("g", "")]]]),
  ] satisfies Value[],
};

async function recordSession(file: string): Promise<void> {
  const daemon = spawn("dbus-daemon", ["--session", "--nofork", "--print-address"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [address] = (await once(createInterface(daemon.stdout), "line")) as [string];
  const open = () => connect({ path: /path=([^,]+)/.exec(address)![1]! });
  const receiver = open();
  const connection = await DBusConnection.connect(recorded(receiver, receiver));
  const socket = open();
  const stream = nodeByteStream(socket, socket);
  const other = await DBusConnection.connect(stream);
  const to = { destination: connection.uniqueName, path: "/org/example" };
  const named = { ...to, interface: "org.example.Everything" };
  let serial = 1000;
  for (const littleEndian of [true, false]) {
    const base = { ...named, ...everything };
    await stream.write(
      encodeMessage({ ...base, type: "signal", serial: ++serial, member: "Signal" }, littleEndian),
    );
    await stream.write(
      encodeMessage(
        { ...base, type: "method_call", flags: 1, serial: ++serial, member: "Call" },
        littleEndian,
      ),
    );
  }
  await other.call({ ...to, interface: "org.freedesktop.DBus.Peer", member: "Ping" });
  await other.call({ ...named, member: "NoSuchMethod" }).catch(() => {});
  await connection.call({ ...bus, member: "ListNames" });
  await connection.call({
    ...bus,
    member: "GetConnectionCredentials",
    signature: "s",
    body: [to.destination],
  });
  await connection.call({
    ...bus,
    interface: "org.freedesktop.DBus.Introspectable",
    member: "Introspect",
  });
  await connection
    .call({ ...bus, destination: "org.example.Nobody", member: "Get" })
    .catch(() => {});
  write(file);
  other.close();
  connection.close();
  daemon.kill();
}

const [kind, ...args] = process.argv.slice(2);
if (kind === "systemd") await recordSystemd(args[0]!, args[1]!);
else await recordSession(args[0]!);
