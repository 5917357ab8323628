import { expect, test } from "@jest/globals";
import { encodeMessage, type OutgoingMessage } from "../../../src/systemd/dbus/encode.ts";
import { Reader } from "../../../src/systemd/dbus/reader.ts";
import { messageOf, recordedFrames, recordings } from "./support/frames.ts";
import { decodedByOracle, decodedByUs } from "./support/oracle.ts";

test.each(recordings)("decodes every message as dbus-native does: %s", (name) => {
  const frames = recordedFrames(name);
  expect(frames.length).toBeGreaterThan(10);
  for (const frame of frames) expect(decodedByUs(messageOf(frame))).toEqual(decodedByOracle(frame));
});

test.each(recordings)("encodes every body as it was recorded: %s", (name) => {
  for (const frame of recordedFrames(name)) {
    const message = messageOf(frame);
    const { serial, signature } = message;
    const outgoing: OutgoingMessage = {
      type: "method_call",
      serial,
      path: "/",
      member: "M",
      signature,
      body: message.body(),
    };
    const littleEndian = frame[0] === 0x6c;
    const length = littleEndian ? frame.readUInt32LE(4) : frame.readUInt32BE(4);
    const bytes = encodeMessage(outgoing, littleEndian);
    const written = bytes.subarray(bytes.length - length);
    expect(written.equals(frame.subarray(frame.length - length))).toBe(true);
  }
});

test.each(recordings)("ends skipping a body where decoding ends: %s", (name) => {
  for (const frame of recordedFrames(name)) {
    const message = messageOf(frame);
    message.read(message.signature, (reader) => {
      expect(reader).toBeInstanceOf(Reader);
      reader.skip(message.signature);
      expect(reader.more).toBe(false);
    });
  }
});

test("has both byte orders and all message types in the recordings", () => {
  const kinds = new Set<string>();
  for (const frame of recordings.flatMap(recordedFrames)) {
    kinds.add(`${String.fromCharCode(frame[0]!)} ${messageOf(frame).type}`);
  }
  const little = ["l error", "l method_call", "l method_return", "l signal"];
  expect([...kinds].sort()).toEqual(["B method_call", "B signal", ...little]);
});
