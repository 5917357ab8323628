import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { expect, test } from "@jest/globals";
import { MAX_CONNECTIONS } from "../../src/http/connection/connections.ts";
import { CLOSE_GRACE_MS } from "../../src/http/server.ts";
import type { Rendering } from "../../src/http/handlers/rendered.ts";
import { exchange, fetchFrom } from "../support/http-client.ts";
import { turns } from "../support/turns.ts";
import { LOOPBACK, startServer } from "./started-server.ts";

const GET_HEALTHY = "GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n";
const GET_METRICS = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";

test("listens on several addresses, and logs the assigned ports", async () => {
  await using started = await startServer();
  const bound = await started.server.listen([LOOPBACK, { host: undefined, port: 0 }]);
  for (const { port } of bound) {
    expect((await fetchFrom(port, "/-/healthy")).status).toBe(200);
  }
  const ports = [started.port, ...bound.map(({ port }) => port)];
  expect(new Set(ports).size).toBe(3);
  expect(started.lines.slice(0, 2)).toEqual([
    `level=info msg=listening address=127.0.0.1:${started.port}`,
    `level=info msg=listening address=127.0.0.1:${bound[0]?.port}`,
  ]);
  // Without IPv6 every interface is 0.0.0.0.
  expect(started.lines[2]).toMatch(
    new RegExp(
      String.raw`^level=info msg=listening address=(\[::\]|0\.0\.0\.0):${bound[1]?.port}$`,
    ),
  );
});

test("names an address when it is in use, and keeps no other", async () => {
  await using started = await startServer();
  const used = { host: "127.0.0.1", port: started.port };
  const free = createServer();
  free.listen(0, "127.0.0.1");
  await once(free, "listening");
  const { port } = free.address() as AddressInfo;
  free.close();
  await once(free, "close");

  await expect(started.server.listen([{ host: "127.0.0.1", port }, used])).rejects.toMatchObject({
    name: "ListenError",
    message: `can't listen on 127.0.0.1:${started.port}: the address is in use`,
    cause: { code: "EADDRINUSE" },
  });
  const [again] = await started.server.listen([{ host: "127.0.0.1", port }]);
  expect(again?.port).toBe(port);
  expect((await fetchFrom(started.port, "/-/healthy")).status).toBe(200);
});

test("names an address when no interface has it", async () => {
  await using started = await startServer();
  await expect(started.server.listen([{ host: "192.0.2.1", port: 0 }])).rejects.toThrow(
    "can't listen on 192.0.2.1:0: no interface has this address",
  );
});

test("closes idle connections at once when the server closes", async () => {
  const started = await startServer();
  const silent = exchange(started.port, "");
  const partial = exchange(started.port, "GET /metrics HT");
  const kept = connect({ host: "127.0.0.1", port: started.port });
  kept.write(GET_HEALTHY);
  await once(kept, "data");
  const ended = once(kept, "close");
  await started.server.close();
  await ended;
  expect(await silent).toBe("");
  expect(await partial).toBe("");
  expect(started.clock.pendingTimers).toBe(0);
  await expect(fetchFrom(started.port, "/-/healthy")).rejects.toMatchObject({
    code: "ECONNREFUSED",
  });
});

test("completes a response under way when the server closes, then closes its connection", async () => {
  const render = Promise.withResolvers<Rendering>();
  const begun = Promise.withResolvers<void>();
  const started = await startServer({
    metrics: () => {
      begun.resolve();
      return render.promise;
    },
  });
  const answer = exchange(started.port, GET_METRICS);
  await begun.promise;
  const closed = started.server.close();
  expect(started.server.close()).toBe(closed);
  const body = "x".repeat(20_000_000);
  render.resolve({ contentType: "text/plain", body });
  expect(await answer).toMatch(/^HTTP\/1\.1 200 [^]*\r\n\r\nx+$/);
  await closed;
  expect((await answer).length).toBeGreaterThan(body.length);
});

test("waits no longer than the grace when the server closes", async () => {
  const begun = Promise.withResolvers<void>();
  const started = await startServer({
    metrics: () => {
      begun.resolve();
      return Promise.withResolvers<Rendering>().promise;
    },
  });
  const answer = exchange(started.port, GET_METRICS);
  await begun.promise;
  const closed = started.server.close();
  await started.clock.advance(CLOSE_GRACE_MS - 1);
  expect(await Promise.race([answer, turns()])).toBeUndefined();
  await started.clock.advance(1);
  await closed;
  expect(await answer).toBe("");
});

test("answers 400 or closes the connection when the bytes aren't HTTP", async () => {
  await using started = await startServer();
  expect(await exchange(started.port, "\0\x01\x02\r\n\r\n")).toMatch(
    /^HTTP\/1\.1 400 Bad Request\r\n/,
  );
  expect(await exchange(started.port, "GET / HTTP/1.1\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 /);
  const long = `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(20_000)}\r\n\r\n`;
  expect(await exchange(started.port, long)).toMatch(/^HTTP\/1\.1 431 /);
  expect((await fetchFrom(started.port, "/-/healthy")).status).toBe(200);
});

test("closes an idle connection, else the new one, when there are too many", async () => {
  await using started = await startServer();
  const open = (): Socket => {
    const socket = connect({ host: "127.0.0.1", port: started.port });
    socket.on("error", () => {});
    return socket;
  };
  const served = [open(), open()];
  for (const socket of served) {
    socket.write(GET_HEALTHY);
    await once(socket, "data");
  }
  const [older, newer] = served;
  // The connection that was served last is closed last.
  older?.write(GET_HEALTHY);
  await once(older as Socket, "data");
  const silent = Array.from({ length: MAX_CONNECTIONS - 2 }, open);
  await Promise.all(silent.map((socket) => once(socket, "connect")));
  const answer = (): Promise<string> =>
    exchange(started.port, GET_HEALTHY.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));

  expect(await answer()).toMatch(/ 200 OK/);
  if (newer?.destroyed !== true) await once(newer as Socket, "close");
  expect(older?.destroyed).toBe(false);
  const another = open();
  await once(another, "connect");
  expect(await answer()).toMatch(/ 200 OK/);
  if (older?.destroyed !== true) await once(older as Socket, "close");
  const last = open();
  await once(last, "connect");
  expect(await answer()).toBe("");
  expect(started.lines).toContain(
    `level=warn msg="connection refused: too many" limit=${MAX_CONNECTIONS}`,
  );
  expect(silent.filter((socket) => socket.destroyed)).toEqual([]);
  for (const socket of [...silent, another, last]) socket.destroy();
});
