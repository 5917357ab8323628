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
   * Listens on all addresses, and logs `listening` for each. Where one can't be had, none is kept.
   *
   * @throws ListenError
   */
  listen(addresses: readonly ListenAddress[]): Promise<readonly BoundAddress[]>;
  /** Stops within a second or so: responses under way have that long. Harmless when called again. */
  close(): Promise<void>;
}

export interface HttpServerOptions extends HttpAppOptions {
  /** TLS, users and headers; undefined: plain HTTP for everybody. */
  readonly web?: WebSettings | undefined;
  /** Other limits than the usual ones. */
  readonly times?: Http1Times & { readonly handshakeMs?: number };
}

/** How long responses under way have when the server closes. */
export const CLOSE_GRACE_MS = 1000;

/** The HTTP side of the program, from functions that it is handed. */
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
    const look = web?.look();
    if (look === undefined) handOn(socket);
    else void look.then(() => handOn(socket));
  }

  function handOn(socket: Socket): void {
    if (socket.destroyed) return;
    const config = web?.current;
    if (config?.tls === undefined) http1.emit("connection", socket);
    else front.accept(socket, config.tls, config);
  }

  async function close(): Promise<void> {
    await connections.end(clock, CLOSE_GRACE_MS);
    await Promise.all(servers.map(closeServer));
    // It isn't listening: this ends its looking after times.
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
