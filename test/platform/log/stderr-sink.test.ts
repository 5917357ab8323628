import { Writable } from "node:stream";
import { expect, test } from "@jest/globals";
import { stderrSink } from "../../../src/platform/log/stderr-sink.ts";

test("drops lines when stderr's reader stalls", () => {
  const stream = new Writable({ write() {} });
  const write = stderrSink(stream);
  const line = `${"x".repeat(1023)}\n`;
  let taken = 0;
  for (let i = 0; i < 10_000; i++) if (write(line)) taken++;
  expect(taken).toBeGreaterThan(1000);
  expect(stream.writableLength).toBeLessThan(1_100_000);
  expect(write(line)).toBe(false);
});

test("ignores a closed pipe", async () => {
  const stream = new Writable({
    write(_chunk, _encoding, done) {
      done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
    },
  });
  const write = stderrSink(stream);
  const failed = new Promise((resolve) => stream.once("error", resolve));
  write("a\n");
  await failed;
  expect(write("b\n")).toBe(false);
});

test("drops the line when a write throws, and tries the next one", () => {
  let full = true;
  const stream = new Writable({
    write(_chunk, _encoding, done) {
      if (full) throw Object.assign(new Error("EAGAIN"), { code: "EAGAIN" });
      done();
    },
  });
  const write = stderrSink(stream);
  expect(write("a\n")).toBe(false);
  full = false;
  expect(write("b\n")).toBe(true);
});
