import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import type { IncomingHttpHeaders, RequestListener, ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { ServerOptions } from "node:https";
import { createServer as createRawServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

export interface PostedRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface TestServer extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly address: string;
  /** Number of connections so far. */
  readonly connections: number;
  /** Resolves when the next connection closes. */
  closed(): Promise<void>;
}

export interface TestHttpServer extends TestServer {
  readonly requests: readonly PostedRequest[];
}

/** Starts a server that answers each request when its body is complete. */
export async function httpServer(
  answer: (response: ServerResponse, request: PostedRequest) => void,
  tls?: ServerOptions,
): Promise<TestHttpServer> {
  const requests: PostedRequest[] = [];
  const listener: RequestListener = (incoming, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      const { url: path = "", headers } = incoming;
      const request = { path, headers, body: Buffer.concat(chunks) };
      requests.push(request);
      answer(response, request);
    })();
  };
  const server = tls === undefined ? createHttpServer(listener) : createHttpsServer(tls, listener);
  const started = await listening(server);
  return Object.defineProperty(started, "requests", { value: requests }) as TestHttpServer;
}

/** Starts a server that passes on each connection with the first bytes that it received. */
export async function rawServer(talk: (socket: Socket, received: Buffer) => void) {
  const server = createRawServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (received) => talk(socket, received));
  });
  return listening(server);
}

async function listening(server: Server): Promise<TestServer> {
  const open = new Set<Socket>();
  let connections = 0;
  let closed = Promise.withResolvers<void>();
  server.on("connection", (socket: Socket) => {
    connections += 1;
    open.add(socket);
    socket.once("close", () => {
      open.delete(socket);
      closed.resolve();
      closed = Promise.withResolvers();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return connections;
    },
    closed: () => closed.promise,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of open) socket.destroy();
      await once(server, "close");
    },
  };
}
