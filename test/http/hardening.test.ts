import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { expect, test } from "@jest/globals";
import { exchange, fetchFrom } from "../support/http-client.ts";
import { startServer } from "./started-server.ts";

const QUICK = { headersTimeout: 400, requestTimeout: 500, connectionsCheckingInterval: 50 };

function open(port: number): Socket {
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("error", () => {});
  return socket;
}

test.each([
  ["nothing", ""],
  ["half a line", "GET /metr"],
  ["half its headers", "GET /metrics HTTP/1.1\r\nHost: a\r\nX: "],
  ["half its body", "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx"],
])("a request that is %s is ended in time", async (_what, sent) => {
  await using started = await startServer({ times: QUICK });
  const answer = await exchange(started.port, sent);
  expect(answer).toMatch(/^HTTP\/1\.1 (?:408 Request Timeout|405 Method Not Allowed)\r\n/);
  expect(answer).not.toMatch(/Error|\bat |unitwatch|node/i);
});

test("a request that comes letter by letter is ended in time", async () => {
  await using started = await startServer({ times: QUICK });
  const socket = open(started.port);
  const request = `GET /metrics HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(10_000)}`;
  let at = 0;
  const drip = setInterval(() => socket.write(request[(at += 1)] ?? "x"), 5);
  let answer = "";
  socket.on("data", (chunk) => (answer += chunk.toString()));
  await once(socket, "close");
  clearInterval(drip);
  expect(at).toBeLessThan(request.length);
  expect(answer).toMatch(/^HTTP\/1\.1 40[08] /);
});

test("200 connections that say nothing are in nobody's way", async () => {
  await using started = await startServer();
  const idle = Array.from({ length: 200 }, () => open(started.port));
  await Promise.all(idle.map((socket) => once(socket, "connect")));
  for (let count = 0; count < 20; count += 1) {
    expect((await fetchFrom(started.port, "/metrics")).status).toBe(200);
  }
  expect(idle.filter((socket) => socket.destroyed)).toEqual([]);
  for (const socket of idle) socket.destroy();
});

test.each([
  ["two lengths", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx"],
  [
    "length and chunks",
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX",
  ],
  ["two hosts", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nhost: b\r\n\r\n"],
  ["a space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n"],
  ["a folded header", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n"],
  ["a bare line feed", "GET / HTTP/1.1\nHost: a\n\n"],
  ["a NUL", "GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n"],
  ["a version that is none", "GET / HTTP/9.9\r\nHost: a\r\n\r\n"],
  [
    "a chunk size that is none",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
  ],
])("a request with %s gets no page, and no reason", async (_what, sent) => {
  await using started = await startServer({ times: QUICK });
  const answer = await exchange(started.port, sent);
  expect(answer).not.toMatch(/ 200 OK|Error|\bat |HPE_|node/i);
  expect((await fetchFrom(started.port, "/-/healthy")).status).toBe(200);
});

test("an expectation that nobody has heard of changes nothing", async () => {
  await using started = await startServer();
  const answer = await exchange(
    started.port,
    "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: a-miracle\r\n\r\n",
  );
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(answer).toContain("X-Content-Type-Options: nosniff");
});

test("a request to become another protocol is answered as any other", async () => {
  await using started = await startServer();
  const answer = await exchange(
    started.port,
    "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
  );
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(await exchange(started.port, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")).toMatch(
    /^HTTP\/1\.1 40[05] /,
  );
});
