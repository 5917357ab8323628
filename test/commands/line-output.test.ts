import { setImmediate } from "node:timers/promises";
import { Writable } from "node:stream";
import { expect, test } from "@jest/globals";
import { LineOutput } from "../../src/commands/line-output.ts";

function failing(code: string): Writable {
  return new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error(`write ${code}`), { code })),
  });
}

/** A client that reads only when the test calls `take`. */
class SlowReader extends Writable {
  readonly taken: string[] = [];
  #done: (() => void) | undefined;

  constructor() {
    super({ highWaterMark: 4, decodeStrings: false });
  }

  override _write(chunk: string, _encoding: BufferEncoding, done: () => void): void {
    this.taken.push(chunk);
    this.#done = done;
  }

  take(): void {
    this.#done?.();
  }
}

test("waits when the client is slow", async () => {
  const reader = new SlowReader();
  const output = new LineOutput(reader);
  expect(await output.write("a\n")).toBe(true);
  let isWritten = false;
  const writing = output.write("bcd\n").then((isOpen) => {
    isWritten = true;
    return isOpen;
  });
  await setImmediate();
  expect(isWritten).toBe(false);
  reader.take();
  await setImmediate();
  reader.take();
  expect(await writing).toBe(true);
  expect(reader.taken).toEqual(["a\n", "bcd\n"]);
});

test("flushes until everything is written", async () => {
  const reader = new SlowReader();
  const output = new LineOutput(reader);
  await output.flush();
  void output.write("abcdef\n");
  let isFlushed = false;
  const flushing = output.flush().then(() => {
    isFlushed = true;
    return isFlushed;
  });
  await setImmediate();
  expect(isFlushed).toBe(false);
  reader.take();
  expect(await flushing).toBe(true);
});

test("ends once and without an error when the client closes the pipe", async () => {
  let ended = 0;
  const output = new LineOutput(failing("EPIPE"), () => (ended += 1));
  await output.write("a\n");
  await setImmediate();
  expect(output.end).toEqual({ kind: "closed" });
  expect(await output.write("b\n")).toBe(false);
  expect(ended).toBe(1);
});

test("stops to wait when the client closes the pipe", async () => {
  const reader = new SlowReader();
  const output = new LineOutput(reader);
  const writing = output.write("abcdef\n");
  reader.destroy();
  expect(await writing).toBe(false);
  expect(output.end).toEqual({ kind: "closed" });
});

test("fails when the disk is full", async () => {
  const output = new LineOutput(failing("ENOSPC"));
  await output.write("a\n");
  await setImmediate();
  expect(output.end).toMatchObject({ kind: "failed", error: { code: "ENOSPC" } });
});
