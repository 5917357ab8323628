import { expect, test } from "@jest/globals";
import { STDERR, STDOUT, StdCopyReader } from "../../../src/engine/api/stdcopy.ts";

function frame(stream: number, text: string): Buffer {
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

function read(chunks: readonly Buffer[]): Record<number, string> {
  const texts: Record<number, string> = {};
  const reader = new StdCopyReader((stream, bytes) => {
    texts[stream] = (texts[stream] ?? "") + bytes.toString();
  });
  for (const chunk of chunks) reader.push(chunk);
  return texts;
}

const BYTES = Buffer.concat([
  frame(STDOUT, "hello "),
  frame(STDERR, "oh"),
  frame(STDOUT, ""),
  frame(STDOUT, "world"),
]);

test("separates the streams", () => {
  expect(read([BYTES])).toEqual({ [STDOUT]: "hello world", [STDERR]: "oh" });
});

test("reads frames that are cut anywhere", () => {
  for (let at = 0; at <= BYTES.length; at += 1) {
    expect(read([BYTES.subarray(0, at), BYTES.subarray(at)])).toEqual(read([BYTES]));
  }
  expect(read([...BYTES].map((byte) => Buffer.from([byte])))).toEqual(read([BYTES]));
});

test("passes a frame of 4 GiB on as it arrives and buffers none of it", () => {
  const header = Buffer.from([STDOUT, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
  expect(read([header, Buffer.from("a"), Buffer.from("b")])).toEqual({ [STDOUT]: "ab" });
});

test.each([
  ["a stream that there isn't", Buffer.from([3, 0, 0, 0, 0, 0, 0, 1])],
  ["text", Buffer.from("OCI runtime exec failed")],
])("rejects %s", (_what, bytes) => {
  expect(() => read([bytes])).toThrow("not multiplexed");
});
