import type { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../../domain/clock.ts";
import { connectionOf } from "./request.ts";
import type { Connection } from "./request.ts";

/** Connections that are open at a time, over all listeners. A further one replaces an idle one. */
export const MAX_CONNECTIONS = 512;

/** Tracks all connections of some servers, with the number of responses under way on each. */
export class Connections {
  /** As accepted, below TLS. */
  readonly #sockets = new Set<Socket>();
  /** Connections that have had a request. Of the idle ones, the longest idle is first. */
  readonly #underWay = new Map<Connection, number>();
  readonly #quiet = Promise.withResolvers<void>();
  readonly #onRefused: () => void;
  #closing = false;

  /** @param onRefused called for each connection that is refused because of the limit */
  constructor(onRefused: () => void) {
    this.#onRefused = onRefused;
  }

  /** Adds a connection. Returns false if it refused and closed it. */
  admit(socket: Socket): boolean {
    // With TLS, the socket around this one emits the errors that matter.
    socket.on("error", () => {});
    if (this.#closing || !this.#hasRoom()) {
      if (!this.#closing) this.#onRefused();
      socket.destroy();
      return false;
    }
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    return true;
  }

  /** Counts the requests of a server, of either protocol. */
  follow(server: EventEmitter): void {
    server.prependListener("request", (request: IncomingMessage, response: ServerResponse) => {
      const connection = connectionOf(request);
      this.#count(connection, 1);
      response.once("close", () => this.#count(connection, -1));
    });
  }

  /**
   * Closes all connections: idle ones at once, the others when their responses are complete, and at
   * the latest after `graceMs`. Refuses new ones from now on.
   */
  async end(clock: Clock, graceMs: number): Promise<void> {
    this.#closing = true;
    for (const [connection, responses] of this.#underWay) {
      if (responses === 0) this.#end(connection);
    }
    this.#settle();
    const timer = clock.setTimeout(() => this.#quiet.resolve(), graceMs);
    await this.#quiet.promise;
    timer[Symbol.dispose]();
    for (const connection of this.#underWay.keys()) connection.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Returns true if there is room for a connection. Closes an idle one if that makes room. */
  #hasRoom(): boolean {
    if (this.#sockets.size < MAX_CONNECTIONS) return true;
    for (const [connection, responses] of this.#underWay) {
      if (responses > 0) continue;
      this.#end(connection);
      return true;
    }
    return false;
  }

  #count(connection: Connection, change: 1 | -1): void {
    const responses = this.#underWay.get(connection);
    if (responses === undefined) {
      if (change === -1 || connection.destroyed) return;
      this.#underWay.set(connection, 1);
      connection.once("close", () => this.#remove(connection));
      if (this.#closing) this.#end(connection);
      return;
    }
    if (responses + change === 0) this.#underWay.delete(connection);
    this.#underWay.set(connection, responses + change);
    if (this.#closing && responses + change === 0) this.#end(connection);
  }

  #end(connection: Connection): void {
    this.#remove(connection);
    connection.destroy();
  }

  #remove(connection: Connection): void {
    this.#underWay.delete(connection);
    this.#settle();
  }

  /** Connections that never had a request delay nothing. */
  #settle(): void {
    if (this.#closing && this.#underWay.size === 0) this.#quiet.resolve();
  }
}
