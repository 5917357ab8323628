import { expect, test } from "@jest/globals";
import { LineSplitter } from "../../../src/platform/data/lines.ts";

function split(chunks: Iterable<Uint8Array | string>, maxLineBytes?: number): string[] {
  const received: string[] = [];
  const lines = new LineSplitter({
    ...(maxLineBytes === undefined ? {} : { maxLineBytes }),
    onLine: (line) => received.push(line),
    onBadLine: (reason) => received.push(`<${reason}>`),
  });
  for (const chunk of chunks) lines.push(chunk);
  lines.end();
  return received;
}

function cut(text: string, size: number): Uint8Array[] {
  const bytes = Buffer.from(text);
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  return chunks;
}

test("ends a line at a newline, strips one carriage return and skips empty lines", () => {
  expect(split(["a\nb\r\n\n\r\nc\rd\n\r\r\ne"])).toEqual(["a", "b", "c\rd", "\r", "e"]);
  expect(split([])).toEqual([]);
  expect(split(["", "\n"])).toEqual([]);
});

test("splits the same lines however the chunks are cut", () => {
  const text = `first\nžluťoučký kůň 🐎\r\n\n${"x".repeat(70)}\nlast`;
  const expected = ["first", "žluťoučký kůň 🐎", "x".repeat(70), "last"];
  for (let size = 1; size < 90; size++) expect(split(cut(text, size))).toEqual(expected);
  for (let at = 0; at <= text.length; at++) {
    expect(split([text.slice(0, at), text.slice(at)])).toEqual(expected);
    expect(split([Buffer.from(text), "\n", text.slice(0, at), text.slice(at)])).toHaveLength(8);
  }
});

test("accepts bytes that are no Buffer", () => {
  const bytes = new Uint8Array(Buffer.from("skip one\ntwo\n")).subarray(5);
  expect(split([bytes])).toEqual(["one", "two"]);
});

test("throws when a chunk is neither bytes nor text", () => {
  const chunk = 7 as unknown as Uint8Array;
  expect(() => split([chunk])).toThrow(new TypeError("a chunk is number, no bytes or text"));
});

test("accepts a line as long as the limit, and reports a longer one once", () => {
  for (let size = 1; size < 40; size++) {
    const text = `${"a".repeat(10)}\n${"b".repeat(11)}\n${"c".repeat(33)}\nd\n${"e".repeat(12)}`;
    expect(split(cut(text, size), 10)).toEqual([
      "a".repeat(10),
      "<oversize>",
      "<oversize>",
      "d",
      "<oversize>",
    ]);
  }
});

test("limits a line to 1 MiB by default", () => {
  const longest = "a".repeat(1024 * 1024);
  expect(split([longest, "\n", longest, "b\nnext\n"])).toEqual([longest, "<oversize>", "next"]);
});

test("uses no memory for a line without an end", () => {
  const received: string[] = [];
  const lines = new LineSplitter({
    onLine: (line) => received.push(line),
    onBadLine: (reason) => received.push(reason),
  });
  const chunk = Buffer.alloc(64 * 1024, "x");
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  for (let mib = 0; mib < 100; mib++) {
    for (let at = 0; at < 16; at++) lines.push(chunk);
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  lines.push("\nnext\n");
  expect(received).toEqual(["oversize", "next"]);
  expect(most).toBeLessThan(8 * 1024 * 1024);
});

test("skips a line that isn't UTF-8, but keeps one that has a replacement character", () => {
  const invalid = Buffer.from([0x61, 0xff, 0x0a]);
  const surrogate = Buffer.from([0xed, 0xa0, 0x80, 0x0a]);
  const cutShort = Buffer.from([0xf0, 0x9f, 0x90, 0x0a]);
  expect(split(["ok\n", invalid, "\uFFFD\n", surrogate, cutShort, "ok"])).toEqual([
    "ok",
    "<utf8>",
    "\uFFFD",
    "<utf8>",
    "<utf8>",
    "ok",
  ]);
});
