import type { Server, ServerOptions } from "node:http";
import type { Duplex } from "node:stream";
import { formatListenAddress } from "../domain/listen-address.ts";
import type { ListenAddress } from "../domain/listen-address.ts";
import { Connections, MAX_CONNECTIONS } from "./connections.ts";
import { createHttpApp } from "./http-app.ts";
import type { HttpAppOptions } from "./http-app.ts";
import { listen } from "./listen.ts";
import type { BoundAddress } from "./listen.ts";

// Imported as a module, its names are all read, and one of them loads 8 MB: a WebSocket client.
const { createServer } = process.getBuiltinModule("node:http");

export interface HttpServer {
  /**
   * Listens on all addresses, and logs `listening` for each. Where one can't be had, none is kept.
   *
   * @throws ListenError
   */
  listen(addresses: readonly ListenAddress[]): Promise<readonly BoundAddress[]>;
  /** Stops within a second or so: responses under way have that long. Harmless when called again. */
  close(): Promise<void>;
}

/** How long responses under way have when the server closes. */
export const CLOSE_GRACE_MS = 1000;

const LIMITS: ServerOptions = {
  // A request has to come whole in this time, its body (which nobody reads) included.
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  connectionsCheckingInterval: 5000,
  // Longer than the usual scrape interval, so that scrapers keep their connection.
  keepAliveTimeout: 65_000,
  maxHeaderSize: 16 * 1024,
};
const MAX_REQUESTS_PER_CONNECTION = 1000;

/** The HTTP side of the program, from functions that it is handed. */
export function createHttpServer(options: HttpAppOptions): HttpServer {
  const { clock, log } = options;
  const app = createHttpApp(options);
  const connections = new Connections(() => {
    log.limited("connections").warn("connection refused: too many", { limit: MAX_CONNECTIONS });
  });
  const servers: Server[] = [];
  let closed: Promise<void> | undefined;

  function create(): Server {
    const server = createServer(LIMITS);
    server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION;
    connections.follow(server);
    server.on("request", app);
    // Without `100 Continue` a client doesn't send the body.
    server.on("checkContinue", (request, response) => server.emit("request", request, response));
    server.on("connect", (_request, socket: Duplex) => refuseConnect(socket));
    return server;
  }

  async function close(): Promise<void> {
    await connections.end(clock, CLOSE_GRACE_MS);
    await Promise.all(servers.map(closeServer));
  }

  return {
    async listen(addresses) {
      const bound: BoundAddress[] = [];
      const own: Server[] = [];
      try {
        for (const address of addresses) {
          const server = create();
          bound.push(await listen(server, address));
          own.push(server);
          server.on("error", (err) => log.limited("accept").warn("listener failed", { err }));
          if (closed !== undefined) throw new Error("the HTTP server is closed");
        }
      } catch (error) {
        await Promise.all(own.map(closeServer));
        throw error;
      }
      servers.push(...own);
      for (const address of bound) {
        log.info("listening", { address: formatListenAddress(address) });
      }
      return bound;
    },
    close: () => (closed ??= close()),
  };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** CONNECT doesn't reach the routes; its connection is ours to end. */
function refuseConnect(socket: Duplex): void {
  socket.on("error", () => {});
  socket.end(
    "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    () => socket.destroy(),
  );
}
