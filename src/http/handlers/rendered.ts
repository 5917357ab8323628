/**
 * Answers of the routes: scrapes, the status page and the state (all by this file), events, assets.
 * It imports domain and connection/. Handlers serve functions that the caller passes; they use the
 * methods that HTTP/1.1 and HTTP/2 have in common, and bound each body and stream.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../../domain/clock.ts";
import type { Logger } from "../../domain/log.ts";
import { reply, replyText } from "../connection/reply.ts";
import { onceOver, RequestLimit } from "../connection/request.ts";
import { HeldBodies, SharedBody } from "./bodies.ts";
import { acceptsGzip } from "./negotiate.ts";
import { sharedRuns } from "./shared-runs.ts";

/** A client that hasn't received its body by then is disconnected. */
export const RENDERED_DEADLINE_MS = 60_000;

export interface Rendering {
  readonly contentType: string;
  readonly body: Buffer | string;
  /** Called once, when no response uses the body any more and its memory can be reused. */
  readonly release?: () => void;
}

export interface RenderedOptions {
  /** Names the rendering in log lines and answers, as in `the state can't be rendered`. */
  readonly what: string;
  readonly render: (key: string) => Promise<Rendering>;
  /** Bodies that are being sent at a time, those of all clients together. */
  readonly maxBodies: number;
  /** Requests under way at a time on a connection, by protocol. */
  readonly perConnection: { readonly http1: number; readonly http2: number };
  /** Request headers, besides Accept-Encoding, that the rendering depends on. */
  readonly vary?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Answers one request with the rendering of a key. */
export type RenderedHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  key: string,
) => Promise<void>;

/**
 * Returns a handler of renderings. Concurrent requests with one key share a rendering and its gzipped
 * form. Slow clients delay no other request, and keep at most `maxBodies` bodies in memory.
 */
export function renderedHandler(options: RenderedOptions): RenderedHandler {
  const { what, clock, log, headers = {}, vary = "" } = options;
  const bodies = new HeldBodies(options.maxBodies);
  const limit = new RequestLimit(options.perConnection);
  const render = sharedRuns(async (key: string) => {
    try {
      return sharedBody(await options.render(key));
    } catch (error) {
      log.limited(what).error(`${what} can't be rendered`, { err: error as Error });
      throw error;
    }
  });

  return async (request, response, key) => {
    const end = limit.begin(request);
    if (end === undefined) {
      replyText(response, 503, "too many requests wait on this connection");
      return;
    }
    const deadline = clock.setTimeout(() => response.destroy(), RENDERED_DEADLINE_MS);
    let isOver = false;
    let retained: SharedBody | undefined;
    onceOver(response, request.socket, () => {
      isOver = true;
      end();
      deadline[Symbol.dispose]();
      bodies.release(response);
      retained?.release();
    });

    let shared: SharedBody;
    try {
      shared = await render(key);
    } catch {
      replyText(response, 500, `${what} can't be rendered, the log says why`);
      return;
    }
    if (isOver) return;
    const isGzip = acceptsGzip(request.headers["accept-encoding"]);
    if (!isGzip) {
      shared.retain();
      retained = shared;
    }
    const body = isGzip ? await shared.gzipped() : shared.bytes;
    if (isOver) return;

    const closed = bodies.hold(body, response);
    if (closed > 0) {
      log.limited("slow clients").warn("slow clients closed", { response: what, clients: closed });
    }
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (isGzip) response.setHeader("Content-Encoding", "gzip");
    response.setHeader("Vary", vary === "" ? "Accept-Encoding" : `${vary}, Accept-Encoding`);
    reply(response, shared.contentType, body);
  };
}

function sharedBody({ contentType, body, release = () => {} }: Rendering): SharedBody {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const shared = new SharedBody(contentType, bytes, release);
  // By then each request that shares the body has retained it.
  setImmediate(() => shared.release());
  return shared;
}
