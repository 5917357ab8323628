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
])("closes the connection when the client sends %s", async (_what, sent) => {
  await using started = await startServer({ times: QUICK });
  const answer = await exchange(started.port, sent);
  expect(answer).toMatch(/^HTTP\/1\.1 (?:408 Request Timeout|405 Method Not Allowed)\r\n/);
  expect(answer).not.toMatch(/Error|\bat |unitwatch|node/i);
});

test("closes a connection when its request comes letter by letter", async () => {
  await using started = await startServer({ times: QUICK });
  const socket = open(started.port);
  const request = `GET /metrics HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(10_000)}`;
  let at = 0;
  const drip = setInterval(() => socket.write(request[(at += 1)] ?? "x"), 5);
  let answer = "";
  socket.on("data", (chunk) => (answer += chunk.toString()));
  // Not `once`, which rejects on an error: a letter that meets the closed connection resets it.
  await new Promise((resolve) => socket.once("close", resolve));
  clearInterval(drip);
  expect(at).toBeLessThan(request.length);
  expect(answer).toMatch(/^HTTP\/1\.1 40[08] /);
});

test("serves requests when 200 connections send nothing", async () => {
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
  ["an invalid version", "GET / HTTP/9.9\r\nHost: a\r\n\r\n"],
  [
    "an invalid chunk size",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
  ],
])("answers without a page or a reason when a request has %s", async (_what, sent) => {
  await using started = await startServer({ times: QUICK });
  const answer = await exchange(started.port, sent);
  expect(answer).not.toMatch(/ 200 OK|Error|\bat |HPE_|node/i);
  expect((await fetchFrom(started.port, "/-/healthy")).status).toBe(200);
});

test("answers as usual when a request has an unknown expectation", async () => {
  await using started = await startServer();
  const answer = await exchange(
    started.port,
    "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: a-miracle\r\n\r\n",
  );
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(answer).toContain("X-Content-Type-Options: nosniff");
});

test("answers as usual when a request asks for an upgrade", async () => {
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
