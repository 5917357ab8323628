import { once } from "node:events";
import { connect } from "node:net";
import { gunzipSync } from "node:zlib";
import { expect, test } from "@jest/globals";
import { EventFeed } from "../../../src/http/handlers/event-feed.ts";
import { RENDERED_DEADLINE_MS } from "../../../src/http/handlers/rendered.ts";
import { MAX_NAMED, MAX_STATUS_BODIES } from "../../../src/http/handlers/status-page.ts";
import type { RenderStatus } from "../../../src/http/handlers/status-page.ts";
import { exchange, fetchFrom } from "../../support/http-client.ts";
import { startServer } from "../started-server.ts";

const STATE = "/api/v1/state";

function startWith(state: RenderStatus) {
  const events = new EventFeed({ instance: "abc", serialize: String });
  return startServer({ status: { page: state, state, events, asset: () => undefined } });
}

test("sends a rendering with its type, gzipped when accepted", async () => {
  const body = JSON.stringify({ text: "x".repeat(10_000) });
  await using started = await startWith(() => Promise.resolve(Buffer.from(body)));
  const plain = await fetchFrom(started.port, STATE);
  expect([plain.status, plain.text]).toEqual([200, body]);
  expect(plain.headers).toMatchObject({
    "content-type": "application/json; charset=utf-8",
    "content-length": String(body.length),
    vary: "Accept-Encoding",
  });
  const gzipped = await fetchFrom(started.port, STATE, { headers: { "accept-encoding": "gzip" } });
  expect(gzipped.headers["content-encoding"]).toBe("gzip");
  expect(gunzipSync(gzipped.body).toString()).toBe(body);
});

test("renders the containers that the query names", async () => {
  const requested: (readonly string[] | undefined)[] = [];
  await using started = await startWith((names) => {
    requested.push(names);
    return Promise.resolve(Buffer.from("{}"));
  });
  await fetchFrom(started.port, STATE);
  await fetchFrom(started.port, `${STATE}?container=b&container=a%20%22&container=b`);
  await fetchFrom(started.port, `${STATE}?container=`);
  expect(requested).toEqual([undefined, ['a "', "b"], [""]]);
  const names = Array.from({ length: MAX_NAMED + 1 }, (_, index) => `container=${index}`);
  const { status } = await fetchFrom(started.port, `${STATE}?${names.join("&")}`);
  expect([status, requested.length]).toEqual([400, 3]);
});

test("renders what the query selects of the containers", async () => {
  const requested: unknown[] = [];
  await using started = await startWith((names, selection) => {
    requested.push([names, selection]);
    return Promise.resolve(Buffer.from("{}"));
  });
  await fetchFrom(started.port, `${STATE}?container=a&unit=b.service&unit=a.service`);
  await fetchFrom(started.port, `${STATE}?unit=&attention=1`);
  await fetchFrom(started.port, `/?unit=b.service&attention=1`);
  expect(requested).toEqual([
    [["a"], { units: ["a.service", "b.service"] }],
    [undefined, { units: [""], attention: true }],
    [undefined, {}],
  ]);
  const names = Array.from({ length: MAX_NAMED + 1 }, (_, index) => `unit=${index}`);
  const { status, text } = await fetchFrom(started.port, `${STATE}?${names.join("&")}`);
  expect([status, text.trim()]).toEqual([400, "at most 100 units can be named"]);
});

test("shares a rendering between concurrent requests for it", async () => {
  const renders: PromiseWithResolvers<Buffer>[] = [];
  const begun = Promise.withResolvers<void>();
  await using started = await startWith(() => {
    renders.push(Promise.withResolvers<Buffer>());
    if (renders.length > 1) renders.at(-1)?.resolve(Buffer.from("2"));
    begun.resolve();
    return renders.at(-1)?.promise ?? Promise.reject(new Error("no render"));
  });
  const first = fetchFrom(started.port, STATE);
  await begun.promise;
  // In one piece: the server has all of them when it has the first.
  const more = `GET ${STATE} HTTP/1.1\r\nHost: a\r\n\r\n`;
  const last = `GET ${STATE} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;
  const shared = exchange(started.port, more + more + last);
  await fetchFrom(started.port, "/-/healthy");
  renders[0]?.resolve(Buffer.from("1"));
  expect((await first).text).toBe("1");
  expect((await shared).match(/\r\n\r\n2/g)).toHaveLength(3);
  expect(renders).toHaveLength(2);
});

test("answers 500 and logs when a rendering fails", async () => {
  await using started = await startWith(() => Promise.reject(new Error("no state")));
  const { status, text } = await fetchFrom(started.port, STATE);
  expect([status, text]).toEqual([500, "the state can't be rendered, the log says why\n"]);
  expect(started.lines).toContain(`level=error msg="the state can't be rendered" err="no state"`);
  expect(started.clock.pendingTimers).toBe(0);
});

test("disconnects the clients of the oldest body when there are too many bodies", async () => {
  await using started = await startWith(() => Promise.resolve(Buffer.alloc(20_000_000, "x")));
  const slow = [];
  for (let i = 0; i < MAX_STATUS_BODIES; i += 1) {
    const socket = connect({ host: "127.0.0.1", port: started.port });
    socket.on("error", () => {});
    socket.write(`GET ${STATE} HTTP/1.1\r\nHost: a\r\n\r\n`);
    await once(socket, "readable");
    slow.push(socket);
  }
  expect((await fetchFrom(started.port, STATE)).body.length).toBe(20_000_000);
  expect(started.lines).toContain(
    'level=warn msg="slow clients closed" response="the state" clients=1',
  );
  for (const socket of slow) socket.destroy();
});

test("disconnects a client when the deadline passes", async () => {
  const begun = Promise.withResolvers<void>();
  await using started = await startWith(() => {
    begun.resolve();
    return Promise.withResolvers<Buffer>().promise;
  });
  const answer = exchange(started.port, `GET ${STATE} HTTP/1.1\r\nHost: a\r\n\r\n`);
  await begun.promise;
  await started.clock.advance(RENDERED_DEADLINE_MS);
  expect(await answer).toBe("");
});

test("limits the requests that wait on a connection", async () => {
  await using started = await startWith(() => Promise.resolve(Buffer.from("{}")));
  const one = `GET ${STATE} HTTP/1.1\r\nHost: a\r\n\r\n`;
  const last = `GET ${STATE} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;
  const statuses = (await exchange(started.port, one.repeat(20) + last)).match(/HTTP\/1\.1 \d+/g);
  expect(statuses).toHaveLength(21);
  expect(new Set(statuses)).toEqual(new Set(["HTTP/1.1 200", "HTTP/1.1 503"]));
});
