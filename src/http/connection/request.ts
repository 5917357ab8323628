import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";

/** Carries requests: a socket, or with HTTP/2 a session, which carries many at a time. */
export type Connection = Socket | ServerHttp2Session;

/** Returns the connection of a request, of either protocol. */
export function connectionOf(request: IncomingMessage | Http2ServerRequest): Connection {
  if (!("stream" in request)) return request.socket;
  // A closed stream has no session any more.
  const session = request.stream.session as ServerHttp2Session | undefined;
  return session ?? request.socket;
}

/** Limits the requests under way on each connection. With HTTP/2 all streams of a session count. */
export class RequestLimit {
  readonly #limits: { readonly http1: number; readonly http2: number };
  readonly #underWay = new WeakMap<object, number>();

  constructor(limits: { readonly http1: number; readonly http2: number }) {
    this.#limits = limits;
  }

  /** Begins a request. Returns a function that ends it once, or undefined at the limit. */
  begin(request: IncomingMessage): (() => void) | undefined {
    const connection = connectionOf(request);
    const before = this.#underWay.get(connection) ?? 0;
    if (before >= this.#limits["stream" in request ? "http2" : "http1"]) return undefined;
    this.#underWay.set(connection, before + 1);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#underWay.set(connection, (this.#underWay.get(connection) ?? 1) - 1);
    };
  }
}

/**
 * Calls `run` once, when the response is complete or its connection has ended. A response that waits
 * behind another one emits no `close` if its connection ends, so the socket counts too.
 */
export function onceOver(response: ServerResponse, socket: Socket, run: () => void): void {
  const end = (): void => {
    response.off("close", end);
    socket.off("close", end);
    run();
  };
  response.once("close", end);
  socket.once("close", end);
}

/** Returns the query of a request's target. Invalid UTF-8 is replaced. */
export function queryOf(request: IncomingMessage): URLSearchParams {
  const url = request.url ?? "";
  const mark = url.indexOf("?");
  return new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1));
}
