import type { IncomingMessage } from "node:http";
import { connectionOf } from "./connection-of.ts";

/** With HTTP/2, as many at a time as a browser makes of connections to one host. */
const MAX_STREAMS = 6;

/** Counts the requests that are under way on each connection, with HTTP/2 those of all its streams. */
export class ConnectionUses {
  readonly #limit: number;
  readonly #underWay = new WeakMap<object, number>();

  /** @param limit requests at a time on a connection; with HTTP/2 6 where that is more */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Begins one. Gives what ends it, harmless when called again; undefined where there are too many. */
  begin(request: IncomingMessage): (() => void) | undefined {
    const connection = connectionOf(request);
    const limit = "stream" in request ? Math.max(this.#limit, MAX_STREAMS) : this.#limit;
    const before = this.#underWay.get(connection) ?? 0;
    if (before >= limit) return undefined;
    this.#underWay.set(connection, before + 1);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#underWay.set(connection, (this.#underWay.get(connection) ?? 1) - 1);
    };
  }
}
