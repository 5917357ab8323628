/**
 * The HTTP interface: the status page, the metrics, the API and the health of the process, over
 * HTTP/1.1 and HTTP/2, with TLS, users and limits by a web configuration file.
 *
 *   connection/  sockets up to a request: listening, TLS, the two protocols, limits, closing
 *   web-config/  the web configuration file of Prometheus exporters, reloaded when it changes
 *   auth/        Basic authentication by bcrypt hashes, and rate limits
 *   guard.ts     users, rate limit and headers of the web configuration, before the routes
 *   app.ts       the routes;  handlers/  one file for each kind of answer
 *
 * It imports domain and platform. What it serves are functions that the caller passes, so it imports
 * neither metrics/ nor page/. Every response, connection and body is bounded in number, size and
 * time: a slow client is disconnected, and delays no other client.
 */
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { formatListenAddress } from "../domain/listen-address.ts";
import type { ListenAddress } from "../domain/listen-address.ts";
import { Connections, MAX_CONNECTIONS } from "./connection/connections.ts";
import { guarded } from "./guard.ts";
import { createHttpApp } from "./app.ts";
import type { HttpAppOptions } from "./app.ts";
import { listen } from "./connection/listen.ts";
import type { BoundAddress } from "./connection/listen.ts";
import { http1Server, http2Server } from "./connection/protocols.ts";
import type { Http1Times } from "./connection/protocols.ts";
import { TlsFront } from "./connection/tls-front.ts";
import type { WebSettings } from "./web-config/web-settings.ts";

export interface HttpServer {
  /**
   * Listens on all addresses, and logs `listening` for each. If one fails, closes the others.
   *
   * @throws ListenError
   */
  listen(addresses: readonly ListenAddress[]): Promise<readonly BoundAddress[]>;
  /** Closes within {@link CLOSE_GRACE_MS} or so. Harmless when called again. */
  close(): Promise<void>;
}

export interface HttpServerOptions extends HttpAppOptions {
  /** TLS, users and headers; without it plain HTTP for any client. */
  readonly web?: WebSettings | undefined;
  /** Timeouts, in place of the default ones. */
  readonly times?: Http1Times & { readonly handshakeMs?: number };
}

/** Time that responses under way have when the server closes. */
export const CLOSE_GRACE_MS = 1000;

/** Creates the server. It serves what the functions in `options` return. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { clock, log, web, times = {} } = options;
  const plain = createHttpApp(options);
  const guard = web === undefined ? undefined : guarded(plain, { web, clock, log });
  const app = guard?.listener ?? plain;
  const { handshakeMs, ...http1Times } = times;
  const http1 = http1Server(app, http1Times);
  const http2 = http2Server(app, clock, times.stalledMs);
  const connections = new Connections(() => {
    log.limited("connections").warn("connection refused: too many", { limit: MAX_CONNECTIONS });
  });
  connections.follow(http1);
  connections.follow(http2);
  const front = new TlsFront(
    {
      http1: (socket) => http1.emit("connection", socket),
      http2: (socket) => http2.emit("connection", socket),
    },
    log,
    handshakeMs,
  );
  const servers: Server[] = [];
  let closed: Promise<void> | undefined;

  function accept(socket: Socket): void {
    if (!connections.admit(socket)) return;
    const check = web?.check();
    if (check === undefined) passOn(socket);
    else void check.then(() => passOn(socket));
  }

  function passOn(socket: Socket): void {
    if (socket.destroyed) return;
    const config = web?.current;
    if (config?.tls === undefined) http1.emit("connection", socket);
    else front.accept(socket, config.tls, config);
  }

  async function close(): Promise<void> {
    await connections.end(clock, CLOSE_GRACE_MS);
    await Promise.all(servers.map(closeServer));
    // This server doesn't listen: closing it ends its timers.
    http1.close();
    await guard?.close();
  }

  return {
    async listen(addresses) {
      const bound: BoundAddress[] = [];
      const own: Server[] = [];
      try {
        for (const address of addresses) {
          const server = createServer({ allowHalfOpen: true, noDelay: true }, accept);
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
      const scheme = web?.current.tls === undefined ? undefined : "https";
      for (const address of bound) {
        log.info("listening", { address: formatListenAddress(address), scheme });
      }
      return bound;
    },
    close: () => (closed ??= close()),
  };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
