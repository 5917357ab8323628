import { rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";

/** Proxy of an engine's socket that can be stopped while the engine keeps running. */
export class SocketProxy implements AsyncDisposable {
  /** Address in the format of DOCKER_HOST. */
  readonly host: string;
  readonly #path: string;
  readonly #target: string;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  /** Opens no socket until {@link start}. */
  constructor(path: string, target: string) {
    this.host = `unix://${path}`;
    this.#path = path;
    this.#target = target;
  }

  async start(): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (near) => this.#join(near));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen(this.#path, resolve);
    });
  }

  /** Cuts every connection and removes the socket. */
  async stop(): Promise<void> {
    this.#server?.close();
    this.#server = undefined;
    this.cut();
    await rm(this.#path, { force: true });
  }

  /** Cuts every connection. New ones are accepted. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Forwards the end of each direction separately, because an exec needs the end of its stdin. */
  #join(near: Socket): void {
    const far = connectTo(this.#target);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from);
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.#sockets.delete(from);
        if (from.errored) to.destroy();
      });
    }
  }
}

function connectTo(target: string): Socket {
  const { protocol, hostname, port, pathname } = new URL(target);
  const allowHalfOpen = true;
  return protocol === "unix:"
    ? connect({ path: pathname, allowHalfOpen })
    : connect({ host: hostname, port: Number(port), allowHalfOpen });
}
