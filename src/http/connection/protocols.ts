/**
 * Sockets up to a request: listening, TLS, the servers of HTTP/1.1 and HTTP/2, and the limits of
 * connections and of requests on each. It imports domain and web-config/. No connection stays open
 * without a timeout, and none delays the close of the server.
 */
import type { RequestListener, Server, ServerOptions } from "node:http";
import type { Http2Server, Http2Session, ServerOptions as Http2Options } from "node:http2";
import type { Duplex } from "node:stream";
import type { Clock } from "../../domain/clock.ts";

// An import would read all its exports, and one of them loads a WebSocket client of 8 MB.
const { createServer } = process.getBuiltinModule("node:http");

/** Time that a client has until its first request is complete. */
const FIRST_REQUEST_MS = 10_000;
/** Time between requests, longer than the usual scrape interval: scrapers keep their connection. */
const KEEP_ALIVE_MS = 65_000;
/** A client that accepts nothing of a response for so long is disconnected. */
const STALLED_MS = 60_000;
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_REQUESTS_PER_CONNECTION = 1000;

const HTTP1_LIMITS: ServerOptions = {
  // A request has to be complete in this time, with its body, which no handler reads.
  headersTimeout: FIRST_REQUEST_MS,
  requestTimeout: 15_000,
  connectionsCheckingInterval: 5000,
  keepAliveTimeout: KEEP_ALIVE_MS,
  maxHeaderSize: MAX_HEADER_BYTES,
};

/** Timeouts that tests shorten. */
export type Http1Times = Pick<
  ServerOptions,
  "headersTimeout" | "requestTimeout" | "connectionsCheckingInterval"
> & { readonly stalledMs?: number };

// The types lack some of these.
const HTTP2_LIMITS: Http2Options & Record<string, unknown> = {
  settings: {
    maxConcurrentStreams: 32,
    maxHeaderListSize: MAX_HEADER_BYTES,
    enablePush: false,
    enableConnectProtocol: false,
  },
  maxHeaderListPairs: 64,
  // In megabytes; a session past it refuses further streams. Bodies that are being sent count: their
  // handlers bound them. The other limits bound what clients send.
  maxSessionMemory: 512,
  maxSessionInvalidFrames: 32,
  maxSessionRejectedStreams: 32,
  // Streams that a client opens and resets: so many in a burst, then so many a second.
  streamResetBurst: 100,
  streamResetRate: 10,
};

/**
 * Creates a server of HTTP/1.1 that doesn't listen: `emit("connection", socket)` passes connections
 * to it.
 */
export function http1Server(listener: RequestListener, times: Http1Times = {}): Server {
  const { stalledMs = STALLED_MS, ...others } = times;
  const server = createServer({ ...HTTP1_LIMITS, ...others });
  server.timeout = stalledMs;
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION;
  server.on("request", listener);
  // Without `100 Continue` the client doesn't send its body.
  for (const expectation of ["checkContinue", "checkExpectation"]) {
    server.on(expectation, (request, response) => server.emit("request", request, response));
  }
  server.on("connect", (_request, socket: Duplex) => refuseConnect(socket));
  // Node.js starts the timeouts of requests on this event.
  server.emit("listening");
  return server;
}

/** Creates a server of HTTP/2 that gets its connections in the same way. */
export function http2Server(
  listener: RequestListener,
  clock: Clock,
  stalledMs = STALLED_MS,
): Http2Server {
  // Not imported: its module is loaded on the first use.
  const server = process.getBuiltinModule("node:http2").createServer(HTTP2_LIMITS);
  const uses = new WeakMap<Http2Session, SessionUse>();
  server.on("session", (session) => {
    uses.set(session, new SessionUse(session, clock));
  });
  server.on("request", (request, response) => {
    const { stream } = request;
    stream.setTimeout(stalledMs, () => stream.destroy());
    if (stream.session !== undefined) uses.get(stream.session)?.begin(response);
    // No handler reads a body: the stream ends with the response.
    if (!stream.endAfterHeaders) response.once("finish", () => stream.close());
    // Handlers use the methods that both protocols have.
    (listener as unknown as (request: unknown, response: unknown) => void)(request, response);
  });
  server.on("checkContinue", (request, response) => server.emit("request", request, response));
  // An error ends its session, and no other.
  server.on("sessionError", () => {});
  return server;
}

/** Closes a session of HTTP/2 that has no request for too long, whatever other frames arrive. */
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

/** Answers CONNECT, which doesn't reach the routes, and closes its connection. */
function refuseConnect(socket: Duplex): void {
  socket.on("error", () => {});
  socket.end(
    "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    () => socket.destroy(),
  );
}
