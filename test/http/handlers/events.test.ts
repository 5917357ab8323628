import { once } from "node:events";
import { get } from "node:http";
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import { expect, test } from "@jest/globals";
import { EventFeed } from "../../../src/http/handlers/event-feed.ts";
import { HEARTBEAT_MS } from "../../../src/http/handlers/event-stream.ts";
import { MAX_EVENT_SUBSCRIBERS } from "../../../src/http/handlers/events.ts";
import { fetchFrom } from "../../support/http-client.ts";
import { eventually } from "../../support/eventually.ts";
import { turns } from "../../support/turns.ts";
import { startServer } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";

const PATH = "/api/v1/events";

async function startFeed(capacity = 100) {
  const feed = new EventFeed<string>({ instance: "abc", capacity, serialize: JSON.stringify });
  const asset = () => undefined;
  const page = () => Promise.resolve(Buffer.alloc(0));
  const started = await startServer({ status: { page, state: page, events: feed, asset } });
  return { feed, started };
}

interface Reader extends Disposable {
  readonly response: IncomingMessage;
  /** All that came so far. */
  readonly text: () => string;
  /** Waits until all that came fits. */
  readonly until: (pattern: RegExp) => Promise<void>;
  readonly ended: Promise<unknown>;
}

async function read(
  { port }: StartedServer,
  options: { readonly lastId?: string; readonly query?: string } = {},
): Promise<Reader> {
  const { lastId, query = "" } = options;
  const request = get({
    host: "127.0.0.1",
    port,
    path: `${PATH}${query}`,
    agent: false,
    headers: lastId === undefined ? {} : { "last-event-id": lastId },
  });
  request.on("error", () => {});
  const [response] = (await once(request, "response")) as [IncomingMessage];
  let text = "";
  response.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  response.on("error", () => {});
  const ended = new Promise((resolve) => {
    response.once("close", resolve);
  });
  return {
    response,
    text: () => text,
    async until(pattern) {
      while (!pattern.test(text)) await Promise.race([once(response, "data"), ended]);
    },
    ended,
    [Symbol.dispose]: () => request.destroy(),
  };
}

test("events come as they happen, with their ids", async () => {
  const { feed, started } = await startFeed();
  await using _started = started;
  feed.push("before");
  using reader = await read(started);
  expect(reader.response.headers).toMatchObject({
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
  });
  feed.push("a");
  feed.push("b");
  await reader.until(/"b"/);
  expect(reader.text()).toBe('retry: 2000\n\nid: 2-abc\ndata: "a"\n\nid: 3-abc\ndata: "b"\n\n');
});

test("a reader goes on where it was, by its header before its query", async () => {
  const { feed, started } = await startFeed();
  await using _started = started;
  for (const value of ["a", "b", "c"]) feed.push(value);
  using byHeader = await read(started, { lastId: "2-abc", query: "?last-event-id=1-abc" });
  await byHeader.until(/"c"/);
  expect(byHeader.text()).toBe('retry: 2000\n\nid: 3-abc\ndata: "c"\n\n');
  using byQuery = await read(started, { query: "?last-event-id=1-abc" });
  await byQuery.until(/"c"/);
  expect(byQuery.text()).toMatch(/^retry: 2000\n\nid: 2-abc\n/);
});

test("a gap is told first, and then all that is kept", async () => {
  const { feed, started } = await startFeed(2);
  await using _started = started;
  for (const value of ["a", "b", "c", "d"]) feed.push(value);
  for (const [lastId, reason] of [
    ["1-abc", "too-old"],
    ["4-other", "restart"],
    ["nonsense", "unknown"],
  ] as const) {
    using reader = await read(started, { lastId });
    await reader.until(/"d"/);
    expect(reader.text()).toBe(
      `retry: 2000\n\nevent: gap\ndata: {"reason":"${reason}","lastEventId":"${lastId}"}\n\n` +
        'id: 3-abc\ndata: "c"\n\nid: 4-abc\ndata: "d"\n\n',
    );
  }
});

test("of asides with one key that wait, the newest is told", async () => {
  const { feed, started } = await startFeed();
  await using _started = started;
  using reader = await read(started);
  await reader.until(/retry/);
  feed.aside("snapshot", "x", "1");
  feed.aside("snapshot", "x", "2");
  feed.push("a");
  await reader.until(/snapshot/);
  expect(reader.text()).toBe('retry: 2000\n\nid: 1-abc\ndata: "a"\n\nevent: snapshot\ndata: 2\n\n');
});

test("a sign of life comes when nothing else does", async () => {
  const { started } = await startFeed();
  await using _started = started;
  using reader = await read(started);
  await reader.until(/retry/);
  await started.clock.advance(HEARTBEAT_MS);
  await started.clock.advance(HEARTBEAT_MS);
  await reader.until(/: .*: /s);
  expect(reader.text()).toBe("retry: 2000\n\n: still here\n\n: still here\n\n");
});

test("a reader that is slower than the feed is cut off, and told so last", async () => {
  const { feed, started } = await startFeed(20);
  await using _started = started;
  const socket = connect({ host: "127.0.0.1", port: started.port });
  socket.on("error", () => {});
  socket.write(`GET ${PATH} HTTP/1.1\r\nHost: a\r\n\r\n`);
  await once(socket, "readable");
  // More than the kernel holds for it, and then more than is kept.
  const event = "x".repeat(1_000_000);
  const cut = 'level=warn msg="slow reader of events cut off"';
  while (!started.lines.includes(cut) && feed.next < 1_000) {
    feed.push(event);
    await turns();
  }
  let end = "";
  for await (const chunk of socket) {
    end = (end + String(chunk)).slice(-1_000);
    if (end.endsWith("\r\n0\r\n\r\n")) break;
  }
  const [, last] = /x"\n\n\r\n[0-9a-f]+\r\n(event: .*)\r\n0\r\n\r\n$/s.exec(end) ?? [];
  expect(last).toBe('event: cut\ndata: {"reason":"slow"}\n\n');
  expect(feed.subscribers).toBe(0);
});

test("the end of the program is told, and ends the connection", async () => {
  const { feed, started } = await startFeed();
  await using _started = started;
  using reader = await read(started);
  await reader.until(/retry/);
  feed.close();
  await reader.ended;
  expect(reader.text()).toBe('retry: 2000\n\nevent: cut\ndata: {"reason":"shutdown"}\n\n');
});

test("readers past the limit are told to come again", async () => {
  const { feed, started } = await startFeed();
  await using _started = started;
  const readers = [];
  for (let i = 0; i < MAX_EVENT_SUBSCRIBERS; i += 1) readers.push(await read(started));
  const { status, headers } = await fetchFrom(started.port, PATH);
  expect([status, headers["retry-after"]]).toEqual([503, "2"]);
  readers[0]?.[Symbol.dispose]();
  await eventually(() => feed.subscribers === MAX_EVENT_SUBSCRIBERS - 1);
  using again = await read(started);
  expect(again.response.statusCode).toBe(200);
  for (const reader of readers) reader[Symbol.dispose]();
  await eventually(() => feed.subscribers === 1);
  expect(started.clock.pendingTimers).toBe(1);
});

test("of readers that wait behind another on a connection none is left when it ends", async () => {
  const { feed, started } = await startFeed();
  await using _started = started;
  const asked = `GET ${PATH} HTTP/1.1\r\nHost: a\r\n\r\n`;
  for (const sent of [asked.repeat(3), `GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n${asked}`]) {
    const socket = connect({ host: "127.0.0.1", port: started.port });
    socket.on("error", () => {});
    socket.write(sent);
    await eventually(() => feed.subscribers > 0);
    await turns();
    expect(feed.subscribers).toBe(1);
    socket.destroy();
    await eventually(() => feed.subscribers === 0, { withinMs: 2_000 });
  }
  expect(started.clock.pendingTimers).toBe(0);
});

test("HEAD tells what would come, and nobody reads", async () => {
  const { feed, started } = await startFeed();
  await using _started = started;
  const { status, headers, text } = await fetchFrom(started.port, PATH, { method: "HEAD" });
  expect([status, text, feed.subscribers]).toEqual([200, "", 0]);
  expect(headers["content-type"]).toBe("text/event-stream; charset=utf-8");
});
