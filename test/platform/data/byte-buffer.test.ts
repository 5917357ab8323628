import { expect, test } from "@jest/globals";
import { ByteBuffer } from "../../../src/platform/data/byte-buffer.ts";

const LONG = "a rather long text which isn't written character by character ".repeat(3);

test.each([
  ["short", "a"],
  ["empty", ""],
  ["long", LONG],
  ["short, of two bytes a character", "žluť"],
  ["short, ASCII before the others", "unit-ž.service"],
  ["long, of three bytes a character", "語".repeat(100)],
  ["of a pair of surrogates", "\u{1F40E}\u{1F40E}"],
])("text that is %s is written as UTF-8", (_, text) => {
  const room = new ByteBuffer();
  room.write("<");
  room.write(text);
  room.write(">");
  expect(room.written.toString("utf8")).toBe(`<${text}>`);
  expect(room.end).toBe(Buffer.byteLength(text) + 2);
});

test("keeps all bytes and positions when it grows", () => {
  const room = new ByteBuffer({ memory: Buffer.allocUnsafeSlow(8) });
  room.write("label ");
  const to = room.end;
  for (let round = 0; round < 30_000; round += 1) {
    room.repeat(0, to);
    room.byte(0x30 + (round % 10));
  }
  const expected = `label ${Array.from({ length: 30_000 }, (_, at) => `label ${at % 10}`).join("")}`;
  expect(room.written.toString("latin1")).toBe(expected);
});

test("writes into the given memory while that has room", () => {
  const memory = Buffer.allocUnsafeSlow(64);
  const room = new ByteBuffer({ memory });
  room.write("given");
  expect(room.written.buffer).toBe(memory.buffer);
  expect(memory.toString("latin1", 0, 5)).toBe("given");
  expect(room.written.byteOffset).toBe(0);
});
