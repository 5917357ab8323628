import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../domain/clock.ts";

/** Connections at a time, over all listeners; further ones are closed as they come. */
export const MAX_CONNECTIONS = 512;

/** All connections of some servers, with the number of responses under way on each. */
export class Connections {
  readonly #underWay = new Map<Socket, number>();
  readonly #quiet = Promise.withResolvers<void>();
  readonly #onRefused: () => void;
  #closing = false;

  /** @param onRefused called for each connection past {@link MAX_CONNECTIONS} */
  constructor(onRefused: () => void) {
    this.#onRefused = onRefused;
  }

  /** Follows the connections of a server that doesn't listen yet. */
  follow(server: Server): void {
    server.on("connection", (socket: Socket) => {
      if (this.#closing || this.#underWay.size >= MAX_CONNECTIONS) {
        if (!this.#closing) this.#onRefused();
        socket.destroy();
        return;
      }
      this.#underWay.set(socket, 0);
      socket.once("close", () => this.#forget(socket));
    });
    server.prependListener("request", ({ socket }, response) => {
      this.#count(socket, 1);
      response.once("close", () => this.#count(socket, -1));
    });
  }

  /**
   * Ends all connections: at once those without a response under way, the others when it is through,
   * and at the latest after `graceMs`. New ones are ended as they come.
   */
  async end(clock: Clock, graceMs: number): Promise<void> {
    this.#closing = true;
    for (const [socket, responses] of this.#underWay) {
      if (responses === 0) this.#forget(socket);
    }
    this.#settle();
    const timer = clock.setTimeout(() => this.#quiet.resolve(), graceMs);
    await this.#quiet.promise;
    timer[Symbol.dispose]();
    for (const socket of this.#underWay.keys()) this.#forget(socket);
  }

  #count(socket: Socket, change: 1 | -1): void {
    const responses = this.#underWay.get(socket);
    if (responses === undefined) return;
    this.#underWay.set(socket, responses + change);
    if (this.#closing && responses + change === 0) this.#forget(socket);
  }

  #forget(socket: Socket): void {
    this.#underWay.delete(socket);
    socket.destroy();
    this.#settle();
  }

  #settle(): void {
    if (this.#closing && this.#underWay.size === 0) this.#quiet.resolve();
  }
}
