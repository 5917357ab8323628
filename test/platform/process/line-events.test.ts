import { PassThrough, Readable } from "node:stream";
import { ReadableStream } from "node:stream/web";
import { expect, test } from "@jest/globals";
import { lineEvents } from "../../../src/platform/process/line-events.ts";

const read = (input: Parameters<typeof lineEvents>[0], signal?: AbortSignal) =>
  lineEvents(input, { signal, parse: (line) => line, onBadLine: () => {} });

/** Yields `text`, then never again; its return() doesn't resolve either. */
function stuck(text: string): AsyncIterable<string> & { returns: number } {
  let calls = 0;
  return {
    returns: 0,
    [Symbol.asyncIterator]() {
      return {
        next: () => {
          calls += 1;
          return calls === 1
            ? Promise.resolve({ done: false, value: text })
            : new Promise<IteratorResult<string>>(() => {});
        },
        return: () => {
          this.returns += 1;
          return new Promise<IteratorResult<string>>(() => {});
        },
      };
    },
  };
}

test.each([
  ["a list", () => ["a\nb", "\nc"]],
  ["a text", () => "a\nb\nc"],
  ["a Node stream of bytes", () => Readable.from([Buffer.from("a\nb"), Buffer.from("\nc")])],
  ["a Node stream of text", () => Readable.from(["a\nb", "\nc"]).setEncoding("utf8")],
  ["a web stream", () => ReadableStream.from([new Uint8Array(Buffer.from("a\nb\nc"))])],
  [
    "a generator",
    async function* chunks() {
      yield "a\nb";
      yield "\nc";
    },
  ],
])("reads %s", async (_, input) => {
  expect(await Array.fromAsync(read(input() as Iterable<string>))).toEqual(["a", "b", "c"]);
});

test("throws a stream's failure after the events before it", async () => {
  const stream = new PassThrough();
  const events = read(stream);
  stream.write("a\nhalf");
  expect(await events.next()).toEqual({ done: false, value: "a" });
  const failure = new Error("connection reset");
  stream.destroy(failure);
  await expect(events.next()).rejects.toBe(failure);
  expect(await events.next()).toEqual({ done: true, value: undefined });
});

test("reads nothing when the signal has already aborted", async () => {
  const stream = stuck("a\n");
  expect(await Array.fromAsync(read(stream, AbortSignal.abort()))).toEqual([]);
  expect(stream.returns).toBe(0);
});

test("ends when aborted while the stream is silent, in the middle of a line too", async () => {
  const controller = new AbortController();
  const stream = stuck("a\nhalf a line");
  const events = read(stream, controller.signal);
  expect(await events.next()).toEqual({ done: false, value: "a" });
  const next = events.next();
  controller.abort();
  expect(await next).toEqual({ done: true, value: undefined });
  expect(stream.returns).toBe(1);
});

test("skips the rest of the chunk when aborted during an event", async () => {
  const controller = new AbortController();
  const seen: string[] = [];
  for await (const event of read(["a\nb\nc\n"], controller.signal)) {
    seen.push(event);
    controller.abort();
  }
  expect(seen).toEqual(["a"]);
});

test("ends without an error when the stream fails because of the abort", async () => {
  const controller = new AbortController();
  const stream = new PassThrough();
  controller.signal.addEventListener("abort", () => stream.destroy(new Error("killed")));
  const events = read(stream, controller.signal);
  const next = events.next();
  controller.abort();
  expect(await next).toEqual({ done: true, value: undefined });
});

test("closes the stream when the caller stops reading", async () => {
  const stream = new PassThrough();
  stream.write("a\nb\n");
  for await (const event of read(stream)) {
    expect(event).toBe("a");
    break;
  }
  expect(stream.destroyed).toBe(true);
});

test("reads no further while the caller is busy", async () => {
  let given = 0;
  function* chunks(): Generator<string> {
    for (;;) {
      given += 1;
      yield "a\nb\n";
    }
  }
  const events = read(chunks());
  await events.next();
  await events.next();
  expect(given).toBe(1);
  await events.next();
  expect(given).toBe(2);
  await events.return();
});

test("leaves no listeners on the signal over a long run", async () => {
  const { signal } = new AbortController();
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  Object.assign(signal, {
    addEventListener: (...args: Parameters<typeof add>) => {
      listeners += 1;
      add(...args);
    },
    removeEventListener: (...args: Parameters<typeof remove>) => {
      listeners -= 1;
      remove(...args);
    },
  });
  const lines = Array.from({ length: 100 }, (_, at) => `${at}\n`);
  expect(await Array.fromAsync(read(lines, signal))).toHaveLength(100);
  expect(listeners).toBe(0);
});
