import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { Framer } from "../../../../src/systemd/dbus/framer.ts";
import { decodeMessage, type Frame } from "../../../../src/systemd/dbus/header.ts";
import type { Message } from "../../../../src/systemd/dbus/message.ts";
import { viewOf } from "../../../../src/systemd/dbus/text.ts";

/** The recordings of `test/fixtures/dbus`. */
export const recordings = ["systemd-252.bin.gz", "session.bin.gz"] as const;

/** The messages of a recording, each in bytes of its own. */
export function recordedFrames(name: (typeof recordings)[number]): Buffer[] {
  const file = new URL(`../../../fixtures/dbus/${name}`, import.meta.url);
  return splitFrames(gunzipSync(readFileSync(file)));
}

/** The messages of a stream, each in bytes of its own. */
export function splitFrames(stream: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  new Framer().push(stream, ({ bytes, start, end }) => {
    frames.push(Buffer.from(bytes.subarray(start, end)));
  });
  return frames;
}

/** A message that has bytes of its own. */
export function frameOf(bytes: Buffer): Frame {
  return { bytes, view: viewOf(bytes), start: 0, end: bytes.length };
}

/** Decodes the header of a message that has bytes of its own. */
export function messageOf(bytes: Buffer): Message {
  const message = decodeMessage(frameOf(bytes));
  if (message === undefined) throw new Error("a message of unknown type");
  return message;
}
