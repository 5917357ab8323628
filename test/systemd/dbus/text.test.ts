import { expect, test } from "@jest/globals";
import { decodeText, TextTable, viewOf } from "../../../src/systemd/dbus/text.ts";

function decode(table: TextTable, bytes: Buffer): string | undefined {
  const around = Buffer.concat([Buffer.from("xyz"), bytes, Buffer.from([0, 1, 2])]);
  return table.get({ bytes: around, view: viewOf(around) }, 3, 3 + bytes.length);
}

test("returns strings of all lengths unchanged when they outnumber the cache", () => {
  const table = new TextTable();
  for (let round = 0; round < 2; round += 1) {
    for (let i = 0; i < 5000; i += 1) {
      const length = i % 120;
      const text = `${i}`.padStart(length, i % 3 === 0 ? "ü世🌍" : "abcd").slice(-length);
      if (!text.isWellFormed()) continue;
      expect(decode(table, Buffer.from(text))).toBe(text.slice(0));
      expect(decode(table, Buffer.from(`${text}\u0001`))).toBe(`${text}\u0001`);
    }
  }
});

test("distinguishes strings that differ in one byte", () => {
  const table = new TextTable();
  for (let length = 1; length < 20; length += 1) {
    for (let at = 0; at < length; at += 1) {
      const bytes = Buffer.alloc(length, "a");
      bytes[at] = 0x62;
      expect(decode(table, bytes)).toBe(bytes.toString());
    }
  }
});

test.each([
  ["a NUL", [0x61, 0, 0x62]],
  ["a byte that starts nothing", [0xff]],
  ["an overlong form", [0xc0, 0xaf]],
  ["a surrogate", [0xed, 0xa0, 0x80]],
  ["a character beyond Unicode", [0xf4, 0x90, 0x80, 0x80]],
  ["half a character", [0x61, 0xe4, 0xb8]],
])("rejects as a string: %s", (_, bytes) => {
  const table = new TextTable();
  expect(decodeText(Buffer.from(bytes), 0, bytes.length)).toBeUndefined();
  expect(decode(table, Buffer.from(bytes))).toBeUndefined();
  const long = Buffer.concat([Buffer.alloc(200, "a"), Buffer.from(bytes)]);
  expect(decode(table, long)).toBeUndefined();
});

test("caches valid strings alone, and validates each once", () => {
  const asked: string[] = [];
  const table = new TextTable((text) => {
    asked.push(text);
    return text === "good";
  });
  for (let i = 0; i < 2; i += 1) {
    expect(decode(table, Buffer.from("good"))).toBe("good");
    expect(decode(table, Buffer.from("evil"))).toBeUndefined();
  }
  expect(asked).toEqual(["good", "evil", "evil"]);
});
