import { once } from "node:events";
import { constants } from "node:http2";
import { connect } from "node:tls";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { hashSync } from "bcryptjs";
import { EventFeed } from "../../src/http/handlers/event-feed.ts";
import { CUT_GRACE_MS, HEARTBEAT_MS } from "../../src/http/handlers/event-stream.ts";
import { CLOSE_GRACE_MS } from "../../src/http/server.ts";
import type { Rendering } from "../../src/http/handlers/rendered.ts";
import { type Certificates, makeCertificates } from "../support/certificates.ts";
import { eventually } from "../support/eventually.ts";
import { turns } from "../support/turns.ts";
import { askTls, Http2Client, startWebServer, tlsFailure } from "./secure-server.ts";

const TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";
const HASH = hashSync("hunter2", 4);

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const END_STREAM_AND_HEADERS = 5;

/** One frame: https://www.rfc-editor.org/rfc/rfc9113#section-4.1 */
function frame(type: number, flags: number, stream: number, payload = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const stack = new AsyncDisposableStack();
let files: Certificates;
let ca: string;
beforeAll(async () => {
  files = stack.use(await makeCertificates());
  ca = await files.pem("ca.crt");
});
afterAll(() => stack.disposeAsync());

test("answers on every route as over HTTP/1.1", async () => {
  await using started = await startWebServer(files, TLS);
  using client = new Http2Client(started.port, { ca });
  for (const path of ["/", "/metrics", "/-/healthy", "/-/ready", "/nowhere", "/a/../metrics"]) {
    const older = await askTls(started.port, path, { ca });
    const { status, headers, text } = await client.ask(path);
    expect([path, status, text]).toEqual([path, older.status, older.text]);
    const hopByHop = new Set(["date", "connection", "keep-alive", "transfer-encoding"]);
    for (const [name, value] of Object.entries(older.headers)) {
      if (!hopByHop.has(name)) expect([path, name, headers[name]]).toEqual([path, name, value]);
    }
  }
  expect(client.session.alpnProtocol).toBe("h2");
});

test("applies the same rules to methods, bodies and targets", async () => {
  await using started = await startWebServer(files, TLS);
  using client = new Http2Client(started.port, { ca });
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]) {
    const { status, headers } = await client.ask("/metrics", { ":method": method });
    expect([method, status, headers["allow"]]).toEqual([method, 405, "GET, HEAD"]);
  }
  expect(await client.ask("/metrics", { ":method": "HEAD" })).toMatchObject({
    status: 200,
    text: "",
    headers: { "content-length": "5" },
  });
  expect((await client.ask("//metrics")).status).toBe(404);
  expect((await client.ask("/metrics#x")).status).toBe(400);
  await expect(client.ask("*")).rejects.toThrow("NGHTTP2_PROTOCOL_ERROR");
});

test("answers CONNECT with 405", async () => {
  await using started = await startWebServer(files, TLS);
  using client = new Http2Client(started.port, { ca });
  const stream = client.session.request({ ":method": "CONNECT", ":authority": "a:1" });
  const [answer] = (await once(stream, "response")) as [Record<string, unknown>];
  expect(answer[":status"]).toBe(405);
  stream.close();
});

test("answers concurrent scrapes, gzipped when they accept it", async () => {
  await using started = await startWebServer(files, TLS);
  using client = new Http2Client(started.port, { ca });
  const answers = await Promise.all(Array.from({ length: 20 }, () => client.ask("/metrics")));
  expect(answers.map(({ status, text }) => `${status} ${text}`)).toEqual(
    Array.from({ length: 20 }, () => "200 up 1\n"),
  );
  const stream = client.session.request({ ":path": "/metrics", "accept-encoding": "gzip" });
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  expect(gunzipSync(Buffer.concat(chunks)).toString()).toBe("up 1\n");
});

test("answers and closes the stream when a request's body never ends", async () => {
  await using started = await startWebServer(files, TLS);
  using client = new Http2Client(started.port, { ca });
  const stream = client.session.request(
    { ":path": "/metrics", ":method": "GET" },
    { endStream: false },
  );
  stream.on("error", () => {});
  stream.write("some of it");
  stream.resume();
  await once(stream, "close");
  expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
  expect((await client.ask("/metrics")).status).toBe(200);
});

test("streams events, and cuts the stream when the feed ends or the client accepts nothing", async () => {
  const events = new EventFeed<string>({ instance: "abc", capacity: 100, serialize: String });
  const render = () => Promise.resolve(Buffer.alloc(0));
  const status = { page: render, state: render, events, asset: () => undefined };
  await using started = await startWebServer(files, `${TLS}basic_auth_users: {a: ${HASH}}\n`, {
    status,
  });
  using client = new Http2Client(started.port, { ca });
  const path = "/api/v1/events";
  expect((await client.ask(path)).status).toBe(401);
  const authorization = `Basic ${Buffer.from("a:hunter2").toString("base64")}`;
  expect((await client.ask(path, { ":method": "HEAD", authorization })).status).toBe(200);

  const slow = client.session.request({ ":path": path, authorization });
  slow.on("error", () => {});
  await once(slow, "response");
  events.push("x".repeat(5_000_000));
  await turns();
  await started.clock.advance(HEARTBEAT_MS);
  await started.clock.advance(HEARTBEAT_MS);
  expect(started.lines.at(-1)).toBe('level=warn msg="slow event subscriber disconnected"');
  await started.clock.advance(CUT_GRACE_MS);
  await eventually(() => events.subscribers === 0);

  using other = new Http2Client(started.port, { ca });
  const stream = other.session.request({ ":path": path, authorization });
  await once(stream, "response");
  events.close();
  let text = "";
  for await (const chunk of stream as AsyncIterable<Buffer>) text += chunk.toString();
  expect(text).toBe('retry: 2000\n\nevent: cut\ndata: {"reason":"shutdown"}\n\n');
});

test("speaks HTTP/1.1 when HTTP/2 is off", async () => {
  await using started = await startWebServer(files, `${TLS}http_server_config: {http2: false}\n`);
  expect(await tlsFailure(started.port, { ca, ALPNProtocols: ["h2"] })).toMatch(
    /ALERT_NO_APPLICATION_PROTOCOL/,
  );
  const answer = await tlsFailure(started.port, { ca, ALPNProtocols: ["h2", "http/1.1"] });
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
});

test("closes the session when a client opens streams to reset them", async () => {
  await using started = await startWebServer(files, TLS);
  const socket = connect({ host: "127.0.0.1", port: started.port, ca, ALPNProtocols: ["h2"] });
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  socket.on("error", () => {});
  socket.on("close", () => resolve());
  socket.resume();
  socket.write(Buffer.concat([Buffer.from(PREFACE), frame(SETTINGS, 0, 0)]));
  // :method GET, :scheme https, :path /, :authority a
  const headers = Buffer.from([0x82, 0x87, 0x84, 0x41, 1, 0x61]);
  const cancel = Buffer.from([0, 0, 0, constants.NGHTTP2_CANCEL]);
  let count = 0;
  const more = (): void => {
    if (count >= 100_000) return;
    const frames: Buffer[] = [];
    for (const end = count + 50; count < end; count += 1) {
      const id = 2 * count + 1;
      frames.push(frame(HEADERS, END_STREAM_AND_HEADERS, id, headers));
      frames.push(frame(RST_STREAM, 0, id, cancel));
    }
    socket.write(Buffer.concat(frames), (error) => error ?? setImmediate(more));
  };
  more();
  await closed;
  expect(count).toBeLessThan(100_000);
  using other = new Http2Client(started.port, { ca });
  expect((await other.ask("/metrics")).status).toBe(200);
});

test("closes the session when a client floods it with pings or settings", async () => {
  await using started = await startWebServer(files, TLS);
  for (const flood of [frame(PING, 0, 0, Buffer.alloc(8)), frame(SETTINGS, 0, 0)]) {
    const socket = connect({ host: "127.0.0.1", port: started.port, ca, ALPNProtocols: ["h2"] });
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    socket.on("error", () => {});
    socket.on("close", () => resolve());
    // The client doesn't read, so the answers pile up.
    socket.pause();
    socket.write(Buffer.concat([Buffer.from(PREFACE), frame(SETTINGS, 0, 0)]));
    const many = Buffer.concat(Array.from({ length: 1000 }, () => flood));
    const more = (): void => {
      socket.write(many, (error) => error ?? setImmediate(more));
    };
    more();
    await closed;
  }
  using other = new Http2Client(started.port, { ca });
  expect((await other.ask("/metrics")).status).toBe(200);
});

test("limits streams of events and pending renderings to 6 each on a session", async () => {
  const events = new EventFeed<string>({ instance: "abc", capacity: 100, serialize: String });
  const rendering = Promise.withResolvers<Buffer>();
  const render = () => rendering.promise;
  const status = { page: render, state: render, events, asset: () => undefined };
  await using started = await startWebServer(files, TLS, { status });
  using client = new Http2Client(started.port, { ca });
  const open = async (path: string) => {
    const stream = client.session.request({ ":path": path });
    stream.on("error", () => {});
    const [answer] = (await once(stream, "response")) as [Record<string, unknown>];
    return { stream, status: answer[":status"] };
  };
  const streams = await Promise.all(Array.from({ length: 6 }, () => open("/api/v1/events")));
  expect(streams.map(({ status: code }) => code)).toEqual(Array.from({ length: 6 }, () => 200));
  expect((await open("/api/v1/events")).status).toBe(503);
  using other = new Http2Client(started.port, { ca });
  const another = other.session.request({ ":path": "/api/v1/events" });
  expect((await once(another, "response"))[0]).toMatchObject({ ":status": 200 });
  streams[0]?.stream.close();
  await eventually(() => events.subscribers === 6);
  expect((await open("/api/v1/events")).status).toBe(200);

  const waiting = Array.from({ length: 6 }, () => client.ask("/api/v1/state"));
  expect((await client.ask("/api/v1/state")).status).toBe(503);
  rendering.resolve(Buffer.from("{}"));
  for (const { status: code } of await Promise.all(waiting)) expect(code).toBe(200);
});

test("limits a session to 32 streams at a time and 1,000 in all", async () => {
  const render = Promise.withResolvers<Rendering>();
  let isHeld = true;
  await using started = await startWebServer(files, TLS, {
    metrics: () =>
      isHeld ? render.promise : Promise.resolve({ contentType: "text/plain", body: "up 1\n" }),
  });
  using client = new Http2Client(started.port, { ca });
  await client.ask("/-/healthy");
  expect(client.session.remoteSettings.maxConcurrentStreams).toBe(32);
  isHeld = false;
  const closed = once(client.session, "close");
  const answers: unknown[] = [];
  // One request was made before.
  for (let round = 0; round < 37; round += 1) {
    const requests = Array.from({ length: 27 }, () => client.ask("/-/healthy"));
    for (const { status } of await Promise.all(requests)) answers.push(status);
  }
  expect(new Set(answers)).toEqual(new Set([200]));
  expect(answers).toHaveLength(999);
  await closed;
});

test("rejects headers that are too large", async () => {
  await using started = await startWebServer(files, TLS);
  using client = new Http2Client(started.port, { ca });
  // The limit applies once the client has the settings.
  await client.ask("/metrics");
  await expect(client.ask("/metrics", { x: "x".repeat(40_000) })).rejects.toThrow(
    "NGHTTP2_ENHANCE_YOUR_CALM",
  );
});

test("closes a session without requests when other frames still arrive", async () => {
  await using started = await startWebServer(files, TLS);
  using silent = new Http2Client(started.port, { ca });
  await once(silent.session, "remoteSettings");
  using active = new Http2Client(started.port, { ca });
  await active.ask("/metrics");
  const ended = once(silent.session, "close");
  await promisify(silent.session.ping.bind(silent.session))();
  await started.clock.advance(10_000);
  await ended;
  expect((await active.ask("/metrics")).status).toBe(200);
  const over = once(active.session, "close");
  await started.clock.advance(64_999);
  expect((await active.ask("/metrics")).status).toBe(200);
  await started.clock.advance(65_000);
  await over;
});

test("serves other streams when a body is read slowly", async () => {
  const body = "x".repeat(20_000_000);
  await using started = await startWebServer(files, TLS, {
    metrics: () => Promise.resolve({ contentType: "text/plain", body }),
  });
  using client = new Http2Client(started.port, { ca });
  const slow = client.session.request({ ":path": "/metrics" });
  await once(slow, "response");
  for (let count = 0; count < 3; count += 1) {
    expect((await client.ask("/-/healthy")).status).toBe(200);
  }
  let length = 0;
  for await (const chunk of slow as AsyncIterable<Buffer>) length += chunk.length;
  expect(length).toBe(body.length);
});

test("closes idle sessions at once when the server closes", async () => {
  const started = await startWebServer(files, TLS);
  using client = new Http2Client(started.port, { ca });
  await client.ask("/metrics");
  const ended = once(client.session, "close");
  await started.server.close();
  await ended;
  expect(started.clock.pendingTimers).toBe(0);
});

test("completes responses under way within the grace when the server closes", async () => {
  const render = Promise.withResolvers<Rendering>();
  const begun = Promise.withResolvers<void>();
  const started = await startWebServer(files, TLS, {
    metrics: () => {
      begun.resolve();
      return render.promise;
    },
  });
  using client = new Http2Client(started.port, { ca });
  const answer = client.ask("/metrics");
  await begun.promise;
  const closed = started.server.close();
  expect(await Promise.race([closed, turns()])).toBeUndefined();
  render.resolve({ contentType: "text/plain", body: "up 2\n" });
  expect((await answer).text).toBe("up 2\n");
  await closed;

  const hanging = await startWebServer(files, TLS, { metrics: () => new Promise(() => {}) });
  using other = new Http2Client(hanging.port, { ca });
  const lost = other.session.request({ ":path": "/metrics" });
  lost.on("error", () => {});
  await other.ask("/-/healthy");
  const over = hanging.server.close();
  await hanging.clock.advance(CLOSE_GRACE_MS);
  await over;
  if (!lost.closed) await once(lost, "close");
});
