import { expect, test } from "@jest/globals";
import { encodeMessage, type OutgoingMessage } from "../../../src/systemd/dbus/encode.ts";
import { Framer } from "../../../src/systemd/dbus/framer.ts";
import { maxMessageBytes } from "../../../src/systemd/dbus/limits.ts";
import { recordedFrames } from "./support/frames.ts";

const call: OutgoingMessage = { type: "method_call", serial: 1, path: "/", member: "M" };

/** The frames that come of a stream cut into pieces of so many bytes. */
function reframed(stream: Buffer, chunkBytes: number): Buffer[] {
  const framer = new Framer();
  const frames: Buffer[] = [];
  for (let at = 0; at < stream.length; at += chunkBytes) {
    framer.push(stream.subarray(at, at + chunkBytes), ({ bytes, view, start, end }) => {
      if (view.byteOffset !== bytes.byteOffset) throw new Error("a view of other bytes");
      frames.push(Buffer.from(bytes.subarray(start, end)));
    });
  }
  expect(framer.heldBytes).toBe(0);
  return frames;
}

/** For many bytes, which `toEqual` takes long for. */
function same(frames: readonly Buffer[], expected: readonly Buffer[]): boolean {
  return (
    frames.length === expected.length && frames.every((frame, i) => frame.equals(expected[i]!))
  );
}

test("emits the same messages however the stream is cut", () => {
  const frames = recordedFrames("session.bin.gz");
  const stream = Buffer.concat(frames);
  for (let size = 1; size < 64; size += 1) expect(same(reframed(stream, size), frames)).toBe(true);
  expect(same(reframed(stream, stream.length), frames)).toBe(true);
  const many = recordedFrames("systemd-252.bin.gz");
  expect(same(reframed(Buffer.concat(many), 65_536), many)).toBe(true);
});

test("emits messages within one chunk without a copy", () => {
  const stream = Buffer.concat([encodeMessage(call), encodeMessage(call)]);
  new Framer().push(stream, ({ bytes }) => expect(bytes).toBe(stream));
});

test("assembles the largest message from small chunks in linear time", () => {
  const body = new Uint8Array(maxMessageBytes - 64).fill(7);
  const stream = encodeMessage({ ...call, signature: "ay", body: [body] });
  expect(stream.length).toBeGreaterThan(maxMessageBytes - 64);
  const [frame] = reframed(stream, 128);
  expect(frame!.equals(stream)).toBe(true);
});

test("takes memory for the bytes received, not for the length announced", () => {
  const framer = new Framer();
  const header = encodeMessage(call).subarray(0, 16);
  header.writeUInt32LE(15 * 1024 * 1024, 4);
  const before = process.memoryUsage().arrayBuffers;
  framer.push(header, () => {});
  for (let i = 0; i < 10; i += 1) framer.push(Buffer.alloc(100), () => {});
  expect(framer.heldBytes).toBe(1016);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
});

test("rejects an invalid header before holding any of it", () => {
  const framer = new Framer();
  const bytes = encodeMessage(call);
  bytes.writeUInt32LE(maxMessageBytes, 4);
  expect(() => framer.push(bytes, () => {})).toThrow("more than 16777216");
  expect(framer.heldBytes).toBe(0);
});

test("emits nothing after stop", () => {
  const framer = new Framer();
  const seen: number[] = [];
  const stream = Buffer.concat([encodeMessage(call), encodeMessage(call)]);
  framer.push(stream, ({ start }) => {
    seen.push(start);
    framer.stop();
  });
  framer.push(stream, ({ start }) => seen.push(start));
  expect(seen).toEqual([0]);
});
