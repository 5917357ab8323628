import { expect, test } from "@jest/globals";
import { MAX_ENTRY_BYTES } from "../../../src/domain/journal.ts";
import { ExportStream } from "../../../src/systemd/format/export-stream.ts";
import { parseExport } from "../../../src/systemd/format/exported-entry.ts";
import { exported, exportedBySystemd } from "../../support/journal-export.ts";

const RECORDED = [
  exported({ MESSAGE: "plain" }),
  exported({ MESSAGE: "two\nlines\n\nand = more" }),
  exported({ MESSAGE: Buffer.from([0xff, 0x00, 0x0a, 0x0a]), OTHER: "x".repeat(300) }),
  exported({ MESSAGE: Buffer.from(""), _PID: undefined }),
  exported({ __CURSOR: undefined, MESSAGE: "no entry without a position" }),
  exportedBySystemd({ MESSAGE: "äöü", PRIORITY: "3" }),
].join("");

function read(...chunks: readonly string[]) {
  const entries: unknown[] = [];
  const stream = new ExportStream((entry) => void entries.push(entry));
  for (const chunk of chunks) stream.push(Buffer.from(chunk, "latin1"));
  return entries;
}

test("reads the same entries wherever the bytes are cut", () => {
  const whole = parseExport(RECORDED);
  expect(whole).toHaveLength(5);
  for (let cut = 0; cut <= RECORDED.length; cut += 1) {
    expect(read(RECORDED.slice(0, cut), RECORDED.slice(cut))).toEqual(whole);
  }
  expect(read(...RECORDED.split(""))).toEqual(whole);
});

test("passes an entry on with its last byte, and not before", () => {
  const one = exported({ MESSAGE: "one" });
  expect(read(one.slice(0, -1))).toEqual([]);
  expect(read(one)).toHaveLength(1);
});

test.each([
  ["text", "m".repeat(1_000_000)],
  ["bytes", Buffer.alloc(1_000_000, "m\n")],
])("keeps the start of a message of 1 MB of %s, and reads on", (_kind, message) => {
  const text = exported({ MESSAGE: message }) + exported({ MESSAGE: "next" });
  const chunks = text.match(/[^]{1,60000}/g) ?? [];
  const [first, next] = read(...chunks) as { readonly message: string }[];
  expect(first?.message.length).toBe(MAX_ENTRY_BYTES + 1_024);
  expect(next?.message).toBe("next");
});

test.each([
  ["a line without a name", `${"x".repeat(65)}\n`],
  ["9223372036854775807 bytes in a value", "MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\x7f"],
  ["a value without an end", "MESSAGE\n\x01\0\0\0\0\0\0\0ab"],
])("rejects %s", (why, text) => {
  expect(() => read(text)).toThrow(`journalctl's output has ${why}`);
});
