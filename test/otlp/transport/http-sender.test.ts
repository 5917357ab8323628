import { gunzipSync } from "node:zlib";
import { expect, test } from "@jest/globals";
import type { OtlpEndpoint } from "../../../src/otlp/protocol/endpoint.ts";
import { openSender } from "../../../src/otlp/transport/open-sender.ts";
import type { SendOutcome } from "../../../src/otlp/transport/sender.ts";
import { httpServer, rawServer } from "../../support/http-servers.ts";
import type { PostedRequest } from "../../support/http-servers.ts";
import { endpointOf, logsRequest } from "../../support/otlp-requests.ts";

const REQUEST = logsRequest(3);
const NEVER = new AbortController().signal;

/** Sends the request once, with a sender of its own. */
async function sendOnce(
  special: Partial<OtlpEndpoint> & { readonly url: string },
  request = REQUEST,
): Promise<SendOutcome> {
  await using sender = await openSender(endpointOf(special), "logs");
  return await sender.send(request, NEVER);
}

interface Answered {
  readonly outcome: SendOutcome;
  readonly request: PostedRequest | undefined;
}

/** Returns the outcome of a response. */
async function answered(
  status: number,
  headers: Readonly<Record<string, string>> = {},
  body: string | Uint8Array = "",
): Promise<Answered> {
  await using server = await httpServer((response) =>
    response.writeHead(status, headers).end(body),
  );
  const outcome = await sendOnce({ url: `http://${server.address}/v1/logs` });
  return { outcome, request: server.requests[0] };
}

/** Returns the outcome when a server writes this and closes the connection. */
async function written(text: string | Uint8Array): Promise<SendOutcome> {
  await using server = await rawServer((socket) => socket.end(text));
  return await sendOnce({ url: `http://${server.address}/` });
}

const PROTOBUF = { "content-type": "application/x-protobuf" };
const JSON_TYPE = { "content-type": "application/json" };
const ACCEPTED = { kind: "accepted", rejected: 0, message: "" };

test("posts the bytes as they are, to the URL as it is, by http/protobuf", async () => {
  await using server = await httpServer((response) => response.end());
  const outcome = await sendOnce({
    url: `http://${server.address}/custom/v1/logs?tenant=a`,
    headers: [
      ["authorization", "Bearer secret"],
      ["x-scope-orgid", "läb"],
    ],
    userAgent: "unitwatch/1.2.3",
  });
  expect(outcome).toEqual(ACCEPTED);
  const [request] = server.requests;
  expect(request).toMatchObject({
    path: "/custom/v1/logs?tenant=a",
    headers: {
      "content-type": "application/x-protobuf",
      "content-length": String(REQUEST.length),
      "user-agent": "unitwatch/1.2.3",
      authorization: "Bearer secret",
      "x-scope-orgid": "läb",
    },
  });
  expect(request?.headers).not.toHaveProperty("content-encoding");
  expect(request?.body).toEqual(Buffer.from(REQUEST));
});

test("posts the same as JSON by http/json", async () => {
  await using server = await httpServer((response) => response.end("{}"));
  const url = `http://${server.address}/v1/logs`;
  expect(await sendOnce({ url, protocol: "http/json" })).toEqual(ACCEPTED);
  const [request] = server.requests;
  expect(request?.headers["content-type"]).toBe("application/json");
  expect(JSON.parse(String(request?.body))).toMatchObject({
    resourceLogs: [
      {
        scopeLogs: [
          { logRecords: [{ timeUnixNano: "1795345339000000000", severityNumber: 17 }, {}, {}] },
        ],
      },
    ],
  });
});

test.each(["http/protobuf", "http/json"] as const)(
  "%s is gzipped where asked",
  async (protocol) => {
    await using server = await httpServer((response) => response.end());
    const url = `http://${server.address}/`;
    await sendOnce({ url, protocol });
    await sendOnce({ url, protocol, compression: "gzip" });
    const [plain, zipped] = server.requests;
    expect(zipped?.headers["content-encoding"]).toBe("gzip");
    expect(gunzipSync(zipped?.body ?? "")).toEqual(plain?.body);
  },
);

test("prefers a user agent of the headers", async () => {
  await using server = await httpServer((response) => response.end());
  const headers = [["user-agent", "mine"]] as const;
  await sendOnce({ url: `http://${server.address}/`, headers, userAgent: "unitwatch" });
  expect(server.requests[0]?.headers["user-agent"]).toBe("mine");
});

test.each([429, 502, 503, 504])("retries after %d", async (status) => {
  const { outcome } = await answered(status);
  expect(outcome).toEqual({
    kind: "retry",
    reason: `http_${status}`,
    message: `the endpoint answered ${status}`,
    afterMs: undefined,
  });
});

test.each([
  [400, "http_400"],
  [401, "http_401"],
  [403, "http_403"],
  [404, "http_404"],
  [418, "http_4xx"],
  [500, "http_500"],
  [501, "http_501"],
  [599, "http_5xx"],
])("rejects the request for %d", async (status, reason) => {
  const { outcome } = await answered(status);
  expect(outcome).toMatchObject({ kind: "rejected", reason });
});

test("requests smaller requests for 413", async () => {
  const { outcome } = await answered(413, {}, "too much");
  expect(outcome).toEqual({
    kind: "too-large",
    reason: "http_413",
    message: 'the endpoint answered 413: "too much"',
  });
});

test.each([
  [{ "retry-after": "7" }, 7_000],
  [{ "retry-after": "0" }, undefined],
  [{ "retry-after": "soon" }, undefined],
  [{ "retry-after": "99999999" }, 3_600_000],
  [
    { date: "Thu, 26 Nov 2026 04:00:00 GMT", "retry-after": "Thu, 26 Nov 2026 04:01:30 GMT" },
    90_000,
  ],
  [
    { date: "Thu, 26 Nov 2026 04:00:00 GMT", "retry-after": "Thu, 26 Nov 2026 03:00:00 GMT" },
    undefined,
  ],
])("waits with headers %j for %d ms", async (headers, afterMs) => {
  for (const status of [429, 503]) {
    const { outcome } = await answered(status, headers);
    expect(outcome).toMatchObject({ kind: "retry", afterMs });
  }
});

/** Returns a message with a string in field 2, or that message in field 1 of another. */
const text = (words: string): Buffer => Buffer.from([0x12, words.length, ...Buffer.from(words)]);
const partial = (rejected: number, words: string): Buffer => {
  const inner = Buffer.from([0x08, rejected, ...text(words)]);
  return Buffer.from([0x0a, inner.length, ...inner]);
};

test.each([
  [PROTOBUF, partial(2, "no body"), 2, '"no body"'],
  [PROTOBUF, partial(0, "a warning"), 0, '"a warning"'],
  [{}, partial(1, "untyped"), 1, '"untyped"'],
  [
    JSON_TYPE,
    '{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"no body"}}',
    2,
    '"no body"',
  ],
  [JSON_TYPE, '{"partialSuccess":{"rejectedLogRecords":1}}', 1, ""],
  [JSON_TYPE, '{"partialSuccess":{"rejectedLogRecords":-5}}', 0, ""],
  [JSON_TYPE, '{"partialSuccess":{}}', 0, ""],
  [JSON_TYPE, "{}", 0, ""],
  [PROTOBUF, "", 0, ""],
])("reads a partial success in %j %#", async (headers, body, rejected, message) => {
  const { outcome } = await answered(200, headers, body);
  expect(outcome).toEqual({ kind: "accepted", rejected, message });
});

test("counts rejected data points as rejected records", async () => {
  const body = '{"partialSuccess":{"rejectedDataPoints":"4","rejectedLogRecords":"9"}}';
  await using server = await httpServer((response) => response.writeHead(200, JSON_TYPE).end(body));
  const endpoint = endpointOf({ url: `http://${server.address}/v1/metrics` });
  await using sender = await openSender(endpoint, "metrics");
  expect(await sender.send(REQUEST, NEVER)).toMatchObject({ kind: "accepted", rejected: 4 });
});

test.each([
  [PROTOBUF, text("a Status"), ': "a Status"'],
  [JSON_TYPE, '{"code":3,"message":"a Status"}', ': "a Status"'],
  [JSON_TYPE, "[1", ': "[1"'],
  [{ "content-type": "text/plain" }, " why\nnot \u001b[31m", ': "why\\nnot \\u001b[31m"'],
  [{ "content-type": "text/html; charset=utf-8" }, "<html>", ""],
  [PROTOBUF, "garbage", ""],
  [{}, "x".repeat(10_000), `: "${"x".repeat(300)}…"`],
])("gives the endpoint's text about a failure with %j %#", async (headers, body, message) => {
  const { outcome } = await answered(400, headers, body);
  expect(outcome.message).toBe(`the endpoint answered 400${message}`);
});

test("redacts headers that the endpoint repeats", async () => {
  await using server = await httpServer((response, { headers }) =>
    response.writeHead(401).end(`bad ${headers.authorization}, really: hunter2-hunter2`),
  );
  const outcome = await sendOnce({
    url: `http://${server.address}/`,
    headers: [["authorization", "Bearer hunter2-hunter2"]],
  });
  expect(outcome.message).toBe('the endpoint answered 401: "bad [redacted], really: [redacted]"');
});

test.each([301, 302, 307, 308])("doesn't follow a redirect by %d", async (status) => {
  await using server = await httpServer((response, { path }) =>
    path === "/there"
      ? response.end()
      : response.writeHead(status, { location: "/there?key=secret" }).end(),
  );
  expect(await sendOnce({ url: `http://${server.address}/` })).toEqual({
    kind: "rejected",
    reason: "http_3xx",
    message: `the endpoint answered ${status}: redirects are not followed, and this one goes to "/there"`,
  });
  expect(server.requests).toHaveLength(1);
});

test.each([
  ["HTML", "<html>hello</html>"],
  ["a lot", Buffer.alloc(200_000, "x")],
])("counts 200 with %s as accepted", async (_name, body) => {
  const { outcome } = await answered(200, {}, body);
  expect(outcome).toEqual({
    kind: "accepted",
    rejected: 0,
    message: "the endpoint answered 200 with a body that is not OTLP",
  });
});

test("reads an endless response up to a bound", async () => {
  await using server = await rawServer((socket) => {
    socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const chunk = `4000\r\n${"x".repeat(0x4000)}\r\n`;
    const more = (): void => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.on("drain", more);
    more();
  });
  const closed = server.closed();
  expect(await sendOnce({ url: `http://${server.address}/` })).toMatchObject({ kind: "accepted" });
  await closed;
});

test.each([
  ["nothing", "reset", ""],
  ["half a header", "reset", "HTTP/1.1 200 OK\r\nContent-Le"],
  ["half a body", "reset", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"],
  ["another protocol", "protocol", "SSH-2.0-OpenSSH_9.2\r\n"],
  ["garbage", "protocol", Buffer.alloc(100, 0xff)],
  ["endless headers", "protocol", `HTTP/1.1 200 OK\r\nX-Long: ${"x".repeat(100_000)}\r\n\r\n`],
])("retries after %s: %s", async (_name, reason, answer) => {
  expect(await written(answer)).toMatchObject({ kind: "retry", reason, afterMs: undefined });
});

test("counts a rejection whose text is cut off", async () => {
  const cut = "HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\nbecause";
  expect(await written(cut)).toEqual({
    kind: "rejected",
    reason: "http_400",
    message: 'the endpoint answered 400: "because"',
  });
});

test("retries when the endpoint switches protocols", async () => {
  const answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n";
  expect(await written(answer)).toEqual({
    kind: "retry",
    reason: "protocol",
    message: '"Protocol error: the endpoint answered 101"',
    afterMs: undefined,
  });
});

test("retries when the connection is reset", async () => {
  await using server = await rawServer((socket) => socket.resetAndDestroy());
  const outcome = await sendOnce({ url: `http://${server.address}/` });
  expect(outcome).toMatchObject({ kind: "retry", reason: "reset" });
});

test("retries when there is no listener or no such name", async () => {
  const gone = await httpServer((response) => response.end());
  await gone[Symbol.asyncDispose]();
  const outcome = await sendOnce({ url: `http://${gone.address}/` });
  expect(outcome).toMatchObject({ kind: "retry", reason: "connect" });
  expect(outcome.message).toContain("ECONNREFUSED");
  // Longer than a name can be, so that no resolver is queried.
  const nameless = await sendOnce({ url: `http://${"x".repeat(64)}.invalid/` });
  expect(nameless).toMatchObject({ kind: "retry", reason: "dns" });
});

test.each([
  ["doesn't answer", ""],
  ["begins an answer", "HTTP/1.1 200 OK\r\nContent-Le"],
  ["doesn't end its answer", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"],
])("times out when an endpoint %s", async (_name, answer) => {
  await using server = await rawServer((socket) => socket.write(answer));
  const closed = server.closed();
  expect(await sendOnce({ url: `http://${server.address}/`, timeoutMs: 50 })).toEqual({
    kind: "retry",
    reason: "timeout",
    message: "the endpoint didn't answer in 50 ms",
    afterMs: undefined,
  });
  await closed;
});

test("times out when headers come one byte at a time", async () => {
  await using server = await rawServer((socket) => {
    socket.write("HTTP/1.1 200 OK\r\nX-Slow: ");
    const timer = setInterval(() => socket.write("x"), 5);
    socket.once("close", () => clearInterval(timer));
  });
  const outcome = await sendOnce({ url: `http://${server.address}/`, timeoutMs: 60 });
  expect(outcome).toMatchObject({ kind: "retry", reason: "timeout" });
});

test("ends a request when it is aborted", async () => {
  const arrived = Promise.withResolvers<void>();
  await using server = await rawServer(() => arrived.resolve());
  const closed = server.closed();
  const off = new AbortController();
  await using sender = await openSender(endpointOf({ url: `http://${server.address}/` }), "logs");
  const sent = sender.send(REQUEST, off.signal);
  await arrived.promise;
  off.abort();
  expect(await sent).toMatchObject({ kind: "retry", reason: "aborted" });
  await closed;
  expect(await sender.send(REQUEST, off.signal)).toMatchObject({ reason: "aborted" });
  expect(server.connections).toBe(1);
});

test("ends requests in flight and every connection when it is disposed", async () => {
  const arrived = Promise.withResolvers<void>();
  await using server = await rawServer(() => arrived.resolve());
  const closed = server.closed();
  const sender = await openSender(endpointOf({ url: `http://${server.address}/` }), "logs");
  const sent = sender.send(REQUEST, NEVER);
  await arrived.promise;
  await sender[Symbol.asyncDispose]();
  expect(await sent).toMatchObject({ kind: "retry", reason: "aborted" });
  await closed;
  expect(await sender.send(REQUEST, NEVER)).toMatchObject({ kind: "retry", reason: "aborted" });
  expect(server.connections).toBe(1);
});

test("keeps connections, and closes them at the end", async () => {
  await using server = await httpServer((response) => response.end());
  const closed = server.closed();
  {
    await using sender = await openSender(endpointOf({ url: `http://${server.address}/` }), "logs");
    for (let i = 0; i < 5; i++) await sender.send(REQUEST, NEVER);
  }
  expect(server.requests).toHaveLength(5);
  expect(server.connections).toBe(1);
  await closed;
});

test("sends again when the endpoint closed a kept connection", async () => {
  // The second request on a connection finds it closed, as when its idle time ends just then.
  const counts = new WeakMap<object, number>();
  await using server = await httpServer((response) => {
    const { socket } = response;
    const count = (counts.get(socket ?? response) ?? 0) + 1;
    counts.set(socket ?? response, count);
    if (count === 1) response.end();
    else socket?.destroy();
  });
  await using sender = await openSender(endpointOf({ url: `http://${server.address}/` }), "logs");
  for (let i = 0; i < 3; i++) expect(await sender.send(REQUEST, NEVER)).toEqual(ACCEPTED);
  expect(server.connections).toBe(3);
});

test("reports each time whether the endpoint is there", async () => {
  const statuses = [503, 200, 429, 200];
  await using server = await httpServer((response) =>
    response.writeHead(statuses.shift() ?? 500).end(),
  );
  await using sender = await openSender(endpointOf({ url: `http://${server.address}/` }), "logs");
  const kinds: string[] = [];
  for (let i = 0; i < 5; i++) kinds.push((await sender.send(REQUEST, NEVER)).kind);
  expect(kinds).toEqual(["retry", "accepted", "retry", "accepted", "rejected"]);
});

test("reads a rejection in the middle of a large request", async () => {
  await using server = await rawServer((socket) => {
    socket.write(
      "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    socket.resume();
  });
  const large = new Uint8Array(8 * 1024 * 1024);
  const outcome = await sendOnce({ url: `http://${server.address}/` }, large);
  expect(outcome).toMatchObject({ kind: "too-large", reason: "http_413" });
});

test("doesn't send a request that no endpoint accepts", async () => {
  await using server = await httpServer((response) => response.end());
  const url = `http://${server.address}/`;
  const large = new Uint8Array(20 * 1024 * 1024 + 1);
  for (const protocol of ["http/protobuf", "http/json"] as const) {
    const outcome = await sendOnce({ url, protocol }, large);
    expect(outcome).toMatchObject({ kind: "too-large", reason: "size" });
  }
  expect(server.connections).toBe(0);
});

test("rejects bytes that can't be transcoded", async () => {
  await using server = await httpServer((response) => response.end());
  const url = `http://${server.address}/`;
  const outcome = await sendOnce({ url, protocol: "http/json" }, REQUEST.subarray(0, -1));
  expect(outcome).toEqual({
    kind: "rejected",
    reason: "malformed",
    message: "the request cannot be written as JSON: the message is cut off",
  });
  expect(server.connections).toBe(0);
});
