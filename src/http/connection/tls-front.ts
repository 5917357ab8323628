import { createServer } from "node:tls";
import type { Server, TLSSocket } from "node:tls";
import type { Socket } from "node:net";
import type { Logger } from "../../domain/log.ts";
import { clientCertificateProblem } from "./client-certificate.ts";
import type { ServerTls, WebConfig } from "../web-config/web-config.ts";

/** A client that hasn't agreed on a secret by then is gone. */
const HANDSHAKE_LIMIT_MS = 10_000;

/** Who takes connections, by the protocol that was agreed on. */
export interface Protocols {
  http1(socket: Socket): void;
  http2(socket: Socket): void;
}

/** Speaks TLS on connections, and hands what is in it to the protocol that was agreed on. */
export class TlsFront {
  readonly #protocols: Protocols;
  readonly #log: Logger;
  readonly #handshakeMs: number;
  #tls: ServerTls | undefined;
  #server: Server | undefined;

  constructor(
    protocols: Protocols,
    log: Logger,
    handshakeMs: number | undefined = HANDSHAKE_LIMIT_MS,
  ) {
    this.#protocols = protocols;
    this.#log = log;
    this.#handshakeMs = handshakeMs;
  }

  /** Takes a connection on which nothing was read yet. */
  accept(socket: Socket, tls: ServerTls, config: Pick<WebConfig, "http2">): void {
    if (this.#server === undefined || this.#tls !== tls) {
      // Sessions don't outlive the settings that they were agreed on under.
      this.#tls = tls;
      this.#server = this.#serverOf(tls, config.http2);
    }
    socket.allowHalfOpen = false;
    this.#server.emit("connection", socket);
  }

  #serverOf(tls: ServerTls, http2: boolean): Server {
    const server = createServer({
      ...tls.context,
      ALPNProtocols: http2 ? ["h2", "http/1.1"] : ["http/1.1"],
      handshakeTimeout: this.#handshakeMs,
      requestCert: tls.clientAuth !== "NoClientCert",
      // Who is let in is decided below, for all kinds alike.
      rejectUnauthorized: false,
    });
    server.on("secureConnection", (socket) => {
      const problem = clientCertificateProblem(socket, tls);
      if (problem !== undefined) this.#refuse(socket, problem);
      else if (socket.alpnProtocol === "h2") this.#protocols.http2(socket);
      else this.#protocols.http1(socket);
    });
    server.on("tlsClientError", (err, socket) => {
      this.#log.limited("tls").info("TLS handshake failed", { err, from: socket.remoteAddress });
      socket.destroy();
    });
    return server;
  }

  #refuse(socket: TLSSocket, problem: string): void {
    this.#log
      .limited("client certificate")
      .warn("client refused", { reason: problem, from: socket.remoteAddress });
    socket.on("error", () => {});
    socket.destroy();
  }
}
