import type { RequestListener, Server, ServerOptions } from "node:http";
import type { Http2Server, Http2Session, ServerOptions as Http2Options } from "node:http2";
import type { Duplex } from "node:stream";
import type { Clock } from "../../domain/clock.ts";

// Imported as a module, its names are all read, and one of them loads 8 MB: a WebSocket client.
const { createServer } = process.getBuiltinModule("node:http");

/** How long a client may take until its first request is there. */
const FIRST_REQUEST_MS = 10_000;
/** From one request to the next: longer than the usual scrape interval, so that scrapers keep it. */
const KEEP_ALIVE_MS = 65_000;
/** Who takes nothing of an answer for so long is gone. Readers of events are sent signs of life. */
const STALLED_MS = 60_000;
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_REQUESTS_PER_CONNECTION = 1000;

const HTTP1_LIMITS: ServerOptions = {
  // A request has to come whole in this time, its body (which nobody reads) included.
  headersTimeout: FIRST_REQUEST_MS,
  requestTimeout: 15_000,
  connectionsCheckingInterval: 5000,
  keepAliveTimeout: KEEP_ALIVE_MS,
  maxHeaderSize: MAX_HEADER_BYTES,
};

/** Times that tests have no patience for. */
export type Http1Times = Pick<
  ServerOptions,
  "headersTimeout" | "requestTimeout" | "connectionsCheckingInterval"
> & { readonly stalledMs?: number };

// The types don't know all of them.
const HTTP2_LIMITS: Http2Options & Record<string, unknown> = {
  settings: {
    maxConcurrentStreams: 32,
    maxHeaderListSize: MAX_HEADER_BYTES,
    enablePush: false,
    enableConnectProtocol: false,
  },
  maxHeaderListPairs: 64,
  // In megabytes; sessions past it refuse further streams. Bodies that are being sent count, whose
  // number is bounded where they are made; what clients send is bounded by the rest.
  maxSessionMemory: 512,
  maxSessionInvalidFrames: 32,
  maxSessionRejectedStreams: 32,
  // Streams that the client opens to reset them at once: so many in a burst, then so many a second.
  streamResetBurst: 100,
  streamResetRate: 10,
};

/**
 * A server of HTTP/1.1 that doesn't listen: connections are handed to it by
 * `emit("connection", socket)`.
 */
export function http1Server(listener: RequestListener, times: Http1Times = {}): Server {
  const { stalledMs = STALLED_MS, ...others } = times;
  const server = createServer({ ...HTTP1_LIMITS, ...others });
  server.timeout = stalledMs;
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION;
  server.on("request", listener);
  // Without `100 Continue` a client doesn't send the body.
  for (const expectation of ["checkContinue", "checkExpectation"]) {
    server.on(expectation, (request, response) => server.emit("request", request, response));
  }
  server.on("connect", (_request, socket: Duplex) => refuseConnect(socket));
  // Only a server that listens looks after its times.
  server.emit("listening");
  return server;
}

/** A server of HTTP/2, to which connections are handed likewise. */
export function http2Server(
  listener: RequestListener,
  clock: Clock,
  stalledMs = STALLED_MS,
): Http2Server {
  // Loaded where TLS asks for it.
  const server = process.getBuiltinModule("node:http2").createServer(HTTP2_LIMITS);
  const uses = new WeakMap<Http2Session, SessionUse>();
  server.on("session", (session) => {
    uses.set(session, new SessionUse(session, clock));
  });
  server.on("request", (request, response) => {
    const { stream } = request;
    stream.setTimeout(stalledMs, () => stream.destroy());
    if (stream.session !== undefined) uses.get(stream.session)?.begin(response);
    // Nobody reads bodies, so that there is nothing to wait for once the answer is out.
    if (!stream.endAfterHeaders) response.once("finish", () => stream.close());
    // Both protocols have the methods that are used here.
    (listener as unknown as (request: unknown, response: unknown) => void)(request, response);
  });
  server.on("checkContinue", (request, response) => server.emit("request", request, response));
  // What goes wrong in a session ends it, and is no matter for others.
  server.on("sessionError", () => {});
  return server;
}

/** Ends a session of HTTP/2 that nothing is asked on, whatever else comes, or too much. */
class SessionUse {
  readonly #session: Http2Session;
  readonly #clock: Clock;
  #idle: Disposable;
  #requests = 0;
  #underWay = 0;

  constructor(session: Http2Session, clock: Clock) {
    this.#session = session;
    this.#clock = clock;
    this.#idle = this.#endIn(FIRST_REQUEST_MS);
    session.once("close", () => this.#idle[Symbol.dispose]());
  }

  begin(response: { once(name: "close", run: () => void): unknown }): void {
    this.#idle[Symbol.dispose]();
    this.#underWay += 1;
    this.#requests += 1;
    if (this.#requests === MAX_REQUESTS_PER_CONNECTION) this.#session.close();
    response.once("close", () => {
      this.#underWay -= 1;
      if (this.#underWay > 0 || this.#session.destroyed) return;
      this.#idle[Symbol.dispose]();
      this.#idle = this.#endIn(KEEP_ALIVE_MS);
    });
  }

  #endIn(ms: number): Disposable {
    return this.#clock.setTimeout(() => this.#session.destroy(), ms);
  }
}

/** CONNECT doesn't reach the routes; its connection is ours to end. */
function refuseConnect(socket: Duplex): void {
  socket.on("error", () => {});
  socket.end(
    "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    () => socket.destroy(),
  );
}
