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

interface EventClient extends Disposable {
  readonly response: IncomingMessage;
  /** Returns all that has arrived. */
  readonly text: () => string;
  /** Waits until what has arrived matches. */
  readonly until: (pattern: RegExp) => Promise<void>;
  readonly ended: Promise<unknown>;
}

async function read(
  { port }: StartedServer,
  options: { readonly lastId?: string; readonly query?: string } = {},
): Promise<EventClient> {
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

test("sends events as they happen, with their ids", async () => {
  const { feed, started } = await startFeed();
  await using _started = started;
  feed.push("before");
  using client = await read(started);
  expect(client.response.headers).toMatchObject({
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
  });
  feed.push("a");
  feed.push("b");
  await client.until(/"b"/);
  expect(client.text()).toBe('retry: 2000\n\nid: 2-abc\ndata: "a"\n\nid: 3-abc\ndata: "b"\n\n');
});

test("resumes after the id in the header, else in the query", async () => {
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

test("sends a gap first, then all kept events, when events are lost", async () => {
  const { feed, started } = await startFeed(2);
  await using _started = started;
  for (const value of ["a", "b", "c", "d"]) feed.push(value);
  for (const [lastId, reason] of [
    ["1-abc", "too-old"],
    ["4-other", "restart"],
    ["nonsense", "unknown"],
  ] as const) {
    using client = await read(started, { lastId });
    await client.until(/"d"/);
    expect(client.text()).toBe(
      `retry: 2000\n\nevent: gap\ndata: {"reason":"${reason}","lastEventId":"${lastId}"}\n\n` +
        'id: 3-abc\ndata: "c"\n\nid: 4-abc\ndata: "d"\n\n',
    );
  }
});

test("sends only the newest of the waiting asides with one key", async () => {
  const { feed, started } = await startFeed();
  await using _started = started;
  using client = await read(started);
  await client.until(/retry/);
  feed.aside("snapshot", "x", "1");
  feed.aside("snapshot", "x", "2");
  feed.push("a");
  await client.until(/snapshot/);
  expect(client.text()).toBe('retry: 2000\n\nid: 1-abc\ndata: "a"\n\nevent: snapshot\ndata: 2\n\n');
});

test("sends a heartbeat when there is no event", async () => {
  const { started } = await startFeed();
  await using _started = started;
  using client = await read(started);
  await client.until(/retry/);
  await started.clock.advance(HEARTBEAT_MS);
  await started.clock.advance(HEARTBEAT_MS);
  await client.until(/: .*: /s);
  expect(client.text()).toBe("retry: 2000\n\n: still here\n\n: still here\n\n");
});

test("cuts off a client when it is slower than the feed, with the reason as last event", async () => {
  const { feed, started } = await startFeed(20);
  await using _started = started;
  const socket = connect({ host: "127.0.0.1", port: started.port });
  socket.on("error", () => {});
  socket.write(`GET ${PATH} HTTP/1.1\r\nHost: a\r\n\r\n`);
  await once(socket, "readable");
  // More than the kernel buffers, then more than the feed keeps.
  const event = "x".repeat(1_000_000);
  const cut = 'level=warn msg="slow event subscriber disconnected"';
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

test("sends the reason and closes the connection when the feed closes", async () => {
  const { feed, started } = await startFeed();
  await using _started = started;
  using client = await read(started);
  await client.until(/retry/);
  feed.close();
  await client.ended;
  expect(client.text()).toBe('retry: 2000\n\nevent: cut\ndata: {"reason":"shutdown"}\n\n');
});

test("answers 503 with Retry-After when there are too many streams", async () => {
  const { feed, started } = await startFeed();
  await using _started = started;
  const clients = [];
  for (let i = 0; i < MAX_EVENT_SUBSCRIBERS; i += 1) clients.push(await read(started));
  const { status, headers } = await fetchFrom(started.port, PATH);
  expect([status, headers["retry-after"]]).toEqual([503, "2"]);
  clients[0]?.[Symbol.dispose]();
  await eventually(() => feed.subscribers === MAX_EVENT_SUBSCRIBERS - 1);
  using again = await read(started);
  expect(again.response.statusCode).toBe(200);
  for (const client of clients) client[Symbol.dispose]();
  await eventually(() => feed.subscribers === 1);
  expect(started.clock.pendingTimers).toBe(1);
});

test("ends all streams of a connection when it closes, queued ones included", async () => {
  const { feed, started } = await startFeed();
  await using _started = started;
  const request = `GET ${PATH} HTTP/1.1\r\nHost: a\r\n\r\n`;
  for (const sent of [request.repeat(3), `GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n${request}`]) {
    const socket = connect({ host: "127.0.0.1", port: started.port });
    socket.on("error", () => {});
    socket.write(sent);
    await eventually(() => feed.subscribers > 0);
    await turns();
    expect(feed.subscribers).toBe(1);
    socket.destroy();
    await eventually(() => feed.subscribers === 0);
  }
  expect(started.clock.pendingTimers).toBe(0);
});

test("answers HEAD with the headers, without a subscription", async () => {
  const { feed, started } = await startFeed();
  await using _started = started;
  const { status, headers, text } = await fetchFrom(started.port, PATH, { method: "HEAD" });
  expect([status, text, feed.subscribers]).toEqual([200, "", 0]);
  expect(headers["content-type"]).toBe("text/event-stream; charset=utf-8");
});
