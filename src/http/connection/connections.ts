import type { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../../domain/clock.ts";
import { connectionOf } from "./connection-of.ts";
import type { Connection } from "./connection-of.ts";

/** Connections at a time, over all listeners; for further ones those that are idle are ended. */
export const MAX_CONNECTIONS = 512;

/** All connections of some servers, with the number of responses under way on each. */
export class Connections {
  /** As they were accepted, whatever is spoken on them. */
  readonly #sockets = new Set<Socket>();
  /** Those on which there was a request; of the idle ones the longest idle is first. */
  readonly #underWay = new Map<Connection, number>();
  readonly #quiet = Promise.withResolvers<void>();
  readonly #onRefused: () => void;
  #closing = false;

  /** @param onRefused called for each connection for which there is no place */
  constructor(onRefused: () => void) {
    this.#onRefused = onRefused;
  }

  /** Takes a connection into account; false where it isn't wanted, and was ended. */
  admit(socket: Socket): boolean {
    // With TLS, its errors are told on the socket around it.
    socket.on("error", () => {});
    if (this.#closing || !this.#hasPlace()) {
      if (!this.#closing) this.#onRefused();
      socket.destroy();
      return false;
    }
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    return true;
  }

  /** Follows the requests of a server, of either protocol. */
  follow(server: EventEmitter): void {
    server.prependListener("request", (request: IncomingMessage, response: ServerResponse) => {
      const connection = connectionOf(request);
      this.#count(connection, 1);
      response.once("close", () => this.#count(connection, -1));
    });
  }

  /**
   * Ends all connections: at once those on which nobody waits for a response, the others when it is
   * through, and at the latest after `graceMs`. New ones are ended as they come.
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

  /** Makes place where there is none, at the expense of who was served before. */
  #hasPlace(): boolean {
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
      connection.once("close", () => this.#forget(connection));
      if (this.#closing) this.#end(connection);
      return;
    }
    if (responses + change === 0) this.#underWay.delete(connection);
    this.#underWay.set(connection, responses + change);
    if (this.#closing && responses + change === 0) this.#end(connection);
  }

  #end(connection: Connection): void {
    this.#forget(connection);
    connection.destroy();
  }

  #forget(connection: Connection): void {
    this.#underWay.delete(connection);
    this.#settle();
  }

  /** Those that never asked for anything needn't be waited for. */
  #settle(): void {
    if (this.#closing && this.#underWay.size === 0) this.#quiet.resolve();
  }
}
