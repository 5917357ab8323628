import { rm } from "node:fs/promises";
import { createServer, type IncomingMessage, request, type Server } from "node:http";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";

/**
 * Proxy in front of the engine's socket that forwards the calls of a list, and answers all others
 * with 403: `GET /containers/{id}/json`, where `{…}` is one part of a path.
 */
export class AllowListProxy implements AsyncDisposable {
  /** Address in the format of DOCKER_HOST. */
  readonly host: string;
  /** Forwarded calls, as written in the list. */
  readonly used = new Set<string>();
  /** Rejected calls, without their query. */
  readonly refused: string[] = [];
  readonly #path: string;
  readonly #target: string;
  readonly #calls: ReadonlyMap<string, RegExp>;
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();

  private constructor(path: string, target: string, calls: readonly string[]) {
    this.host = `unix://${path}`;
    this.#path = path;
    this.#target = new URL(target).pathname;
    this.#calls = new Map(calls.map((call) => [call, patternOf(call)]));
    this.#server = createServer();
    this.#server.on("connection", (socket: Socket) => this.#keep(socket));
    this.#server.on("request", (incoming, response) => {
      if (!this.#allows(incoming)) {
        response.writeHead(403).end("not on the list");
        return;
      }
      const { method, url, headers } = incoming;
      const outgoing = request({ socketPath: this.#target, method, path: url, headers });
      outgoing.on("socket", (socket) => this.#keep(socket));
      outgoing.on("response", (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        response.flushHeaders();
        answer.pipe(response);
        answer.on("error", () => response.destroy());
      });
      outgoing.on("error", () => response.destroy());
      response.on("close", () => outgoing.destroy());
      incoming.pipe(outgoing);
    });
    this.#server.on("upgrade", (incoming, near: Duplex, head: Buffer) => {
      if (this.#allows(incoming)) this.#join(incoming, near, head);
      else near.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    });
  }

  /** Listens at `path` and forwards to the engine at `target` (`unix://…`). */
  static async start(
    path: string,
    target: string,
    calls: readonly string[],
  ): Promise<AllowListProxy> {
    const proxy = new AllowListProxy(path, target, calls);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once("error", reject).listen(path, resolve);
    });
    return proxy;
  }

  /** Cuts every connection. New ones are accepted. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.cut();
    await rm(this.#path, { force: true });
  }

  #allows({ method, url = "" }: IncomingMessage): boolean {
    const call = `${method} ${url.replace(/\?.*$/, "")}`;
    const [known] = [...this.#calls].find(([, pattern]) => pattern.test(call)) ?? [];
    if (known === undefined) this.refused.push(call);
    else this.used.add(known);
    return known !== undefined;
  }

  /** Forwards bytes both ways, and the end of each direction separately. */
  #join({ method, url, rawHeaders }: IncomingMessage, near: Duplex, head: Buffer): void {
    const far = connect({ path: this.#target, allowHalfOpen: true });
    this.#keep(far);
    const lines = [`${method} ${url} HTTP/1.1`];
    for (let at = 0; at < rawHeaders.length; at += 2) {
      lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
    }
    far.write(`${lines.join("\r\n")}\r\n\r\n`);
    far.write(head);
    near.pipe(far);
    far.pipe(near);
    near.on("error", () => far.destroy());
    near.on("close", () => far.destroy());
    far.on("error", () => near.destroy());
    far.on("close", () => near.destroy());
  }

  #keep(socket: Duplex): void {
    if (this.#sockets.has(socket)) return;
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => this.#sockets.delete(socket));
  }
}

function patternOf(call: string): RegExp {
  const parts = call.split(/\{[^}]*\}/).map((part) => part.replaceAll(/[.*+?^$()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join("[^/?]+")}$`);
}
