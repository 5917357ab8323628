import { createServer } from "node:tls";
import type { Server, TLSSocket } from "node:tls";
import type { Socket } from "node:net";
import type { Logger } from "../../domain/log.ts";
import { clientCertificateProblem } from "./client-certificate.ts";
import type { ServerTls, WebConfig } from "../web-config/web-config.ts";

/** A handshake that takes longer is aborted. */
const HANDSHAKE_LIMIT_MS = 10_000;

/** Accept connections, each of its protocol. */
export interface Protocols {
  http1(socket: Socket): void;
  http2(socket: Socket): void;
}

/** Terminates TLS, and passes each connection on to the protocol that was negotiated. */
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

  /** Accepts a connection of which nothing was read yet. */
  accept(socket: Socket, tls: ServerTls, config: Pick<WebConfig, "http2">): void {
    if (this.#server === undefined || this.#tls !== tls) {
      // A new server, since sessions must not outlive the settings they were negotiated under.
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
      // clientCertificateProblem decides, for all types of client authentication.
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
      .warn("client certificate rejected", { reason: problem, from: socket.remoteAddress });
    socket.on("error", () => {});
    socket.destroy();
  }
}
