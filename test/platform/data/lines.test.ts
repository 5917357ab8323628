import { expect, test } from "@jest/globals";
import { LineSplitter } from "../../../src/platform/data/lines.ts";

function split(chunks: Iterable<Uint8Array | string>, maxLineBytes?: number): string[] {
  const told: string[] = [];
  const lines = new LineSplitter({
    ...(maxLineBytes === undefined ? {} : { maxLineBytes }),
    onLine: (line) => told.push(line),
    onBadLine: (reason) => told.push(`<${reason}>`),
  });
  for (const chunk of chunks) lines.push(chunk);
  lines.end();
  return told;
}

function cut(text: string, size: number): Uint8Array[] {
  const bytes = Buffer.from(text);
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  return chunks;
}

test("lines end at a newline, one carriage return goes with it, empty lines are left out", () => {
  expect(split(["a\nb\r\n\n\r\nc\rd\n\r\r\ne"])).toEqual(["a", "b", "c\rd", "\r", "e"]);
  expect(split([])).toEqual([]);
  expect(split(["", "\n"])).toEqual([]);
});

test("where chunks are cut makes no difference", () => {
  const text = `first\nžluťoučký kůň 🐎\r\n\n${"x".repeat(70)}\nlast`;
  const expected = ["first", "žluťoučký kůň 🐎", "x".repeat(70), "last"];
  for (let size = 1; size < 90; size++) expect(split(cut(text, size))).toEqual(expected);
  for (let at = 0; at <= text.length; at++) {
    expect(split([text.slice(0, at), text.slice(at)])).toEqual(expected);
    expect(split([Buffer.from(text), "\n", text.slice(0, at), text.slice(at)])).toHaveLength(8);
  }
});

test("bytes that aren't a Buffer are taken as they are", () => {
  const bytes = new Uint8Array(Buffer.from("skip one\ntwo\n")).subarray(5);
  expect(split([bytes])).toEqual(["one", "two"]);
});

test("a chunk that is neither bytes nor text is an error", () => {
  const chunk = 7 as unknown as Uint8Array;
  expect(() => split([chunk])).toThrow(new TypeError("a chunk is number, no bytes or text"));
});

test("a line as long as the limit is taken, a longer one is left out and told once", () => {
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

test("the limit is 1 MiB", () => {
  const longest = "a".repeat(1024 * 1024);
  expect(split([longest, "\n", longest, "b\nnext\n"])).toEqual([longest, "<oversize>", "next"]);
});

test("a line without an end costs no memory", () => {
  const told: string[] = [];
  const lines = new LineSplitter({
    onLine: (line) => told.push(line),
    onBadLine: (reason) => told.push(reason),
  });
  const chunk = Buffer.alloc(64 * 1024, "x");
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  for (let mib = 0; mib < 100; mib++) {
    for (let at = 0; at < 16; at++) lines.push(chunk);
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  lines.push("\nnext\n");
  expect(told).toEqual(["oversize", "next"]);
  expect(most).toBeLessThan(8 * 1024 * 1024);
});

test("a line that isn't UTF-8 is left out, a replacement character of its own is not", () => {
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
