import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { expect, test } from "@jest/globals";
import { http1Server, http2Server } from "../../../src/http/connection/protocols.ts";
import { FakeClock } from "../../support/fake-clock.ts";

/** More than a kernel buffers for a client that doesn't read. */
const LARGE = Buffer.alloc(50_000_000);

/** Passes connections on to a server of either protocol. */
async function listening(server: ReturnType<typeof http1Server | typeof http2Server>) {
  const front: Server = createServer((socket) => server.emit("connection", socket));
  front.listen(0, "127.0.0.1");
  await once(front, "listening");
  const { port } = front.address() as AddressInfo;
  return { port, [Symbol.dispose]: () => void front.close() };
}

function answers() {
  const { promise: ended, resolve } = Promise.withResolvers<ServerResponse>();
  const listener = (_request: unknown, response: ServerResponse): void => {
    response.once("close", () => resolve(response));
    response.end(LARGE);
  };
  return { ended, listener };
}

test("closes a connection when its client accepts nothing of a response", async () => {
  const { ended, listener } = answers();
  const server = http1Server(listener, { stalledMs: 300 });
  using front = await listening(server);
  const client = connect({ host: "127.0.0.1", port: front.port });
  client.on("error", () => {});
  client.pause();
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  expect((await ended).writableFinished).toBe(false);
  client.destroy();
  server.close();
});

test("closes an HTTP/2 stream when its client accepts nothing of it", async () => {
  const { ended, listener } = answers();
  using front = await listening(http2Server(listener, new FakeClock(), 300));
  const client = connectHttp2(`http://127.0.0.1:${front.port}`);
  client.on("error", () => {});
  const stream = client.request({ ":path": "/" });
  stream.on("error", () => {});
  const response = await ended;
  expect(response.writableFinished).toBe(false);
  client.destroy();
});
