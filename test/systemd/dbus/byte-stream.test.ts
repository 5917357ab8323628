import { once } from "node:events";
import { PassThrough, Readable, Writable } from "node:stream";
import { expect, test } from "@jest/globals";
import { nodeByteStream } from "../../support/systemd/node-byte-stream.ts";
import { DBusConnection } from "../../../src/systemd/dbus/connection.ts";
import { guid, rejection } from "./support/fake-peer.ts";

test("carries both directions of two streams, and closes both", async () => {
  const readable = new PassThrough();
  const writable = new PassThrough();
  const connecting = DBusConnection.connect(nodeByteStream(readable, writable), { hello: false });
  const [sent] = (await once(writable, "data")) as [Buffer];
  expect(sent.toString()).toBe("\0AUTH EXTERNAL\r\n");
  readable.write(`OK ${guid}\r\n`);
  const connection = await connecting;
  connection.close();
  expect(await connection.closed).toBeUndefined();
  expect([readable.destroyed, writable.destroyed]).toEqual([true, true]);
});

test("ends the connection with the readable's error", async () => {
  const readable = new PassThrough();
  const connecting = DBusConnection.connect(nodeByteStream(readable, new PassThrough()));
  readable.destroy(new Error("ECONNRESET"));
  expect(await rejection(connecting)).toMatchObject({
    code: "stream",
    cause: { message: "ECONNRESET" },
  });
});

test.each(["ECONNRESET", "EPIPE"])("takes %s of a socket for the peer's end", async (code) => {
  const readable = new PassThrough();
  const connecting = DBusConnection.connect(nodeByteStream(readable, new PassThrough()));
  readable.destroy(Object.assign(new Error(`read ${code}`), { code }));
  expect(await rejection(connecting)).toMatchObject({ code: "eof" });
});

test("ends the connection with the writable's error, and leaves no rejection unhandled", async () => {
  const writable = new Writable({
    write: (_chunk, _encoding, done) => done(new Error("EPIPE")),
  });
  const stream = nodeByteStream(new Readable({ read: () => {} }), writable);
  expect(await rejection(DBusConnection.connect(stream))).toMatchObject({
    code: "stream",
    cause: { message: "EPIPE" },
  });
});
