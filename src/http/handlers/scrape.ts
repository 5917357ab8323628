import type { Socket } from "node:net";
import type { RequestHandler, Response } from "express";
import type { Clock } from "../../domain/clock.ts";
import type { Logger } from "../../domain/log.ts";
import { acceptsGzip } from "./negotiate.ts";
import { HeldBodies } from "./held-bodies.ts";
import { onceOver } from "../connection/once-over.ts";
import { gzippedText } from "./rendering.ts";
import { reply, replyText } from "../connection/reply.ts";
import { SharedBody } from "./shared-body.ts";
import { sharedRuns } from "./shared-runs.ts";

/** Bodies that wait for slow readers at the same time, all scrapers together. */
export const MAX_BODIES = 8;
/** A scrape that isn't read by then is ended. Prometheus itself gives up long before. */
export const SCRAPE_DEADLINE_MS = 60_000;

/** One rendering of all metrics. */
export interface Exposition {
  readonly contentType: string;
  readonly body: Buffer | string;
  /** Told when nobody reads the body any more: its memory can be used again. */
  readonly release?: () => void;
}

/** Renders the metrics in the format that an Accept header asks for; undefined: none was sent. */
export type RenderMetrics = (accept: string | undefined) => Promise<Exposition>;

interface Rendered {
  readonly contentType: string;
  readonly body: SharedBody;
  /** The body gzipped, once for all that ask. To be asked as soon as this was given. */
  gzipped(): Promise<Buffer>;
}

/** What the handler needs of the others. */
export interface ScrapeOptions {
  readonly metrics: RenderMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Answers scrapes: 200, or 503 to one that comes on a connection before the last is answered. */
export function scrapeHandler({ metrics, clock, log }: ScrapeOptions): RequestHandler {
  const render = sharedRuns(async (accept: string): Promise<Rendered> => {
    try {
      return rendered(await metrics(accept === "" ? undefined : accept));
    } catch (error) {
      log.limited("metrics").error("metrics can't be rendered", { err: error as Error });
      throw error;
    }
  });
  const busy = new Set<Socket>();
  const bodies = new HeldBodies(MAX_BODIES);

  /** Gives the scrape its time on the connection; what it holds is freed when either ends. */
  function begin(response: Response, socket: Socket, over: () => void): void {
    busy.add(socket);
    const deadline = clock.setTimeout(() => socket.destroy(), SCRAPE_DEADLINE_MS);
    onceOver(response, socket, () => {
      deadline[Symbol.dispose]();
      busy.delete(socket);
      bodies.release(socket);
      over();
    });
  }

  return async (request, response) => {
    const { socket, headers } = request;
    if (busy.has(socket)) {
      replyText(response, 503, "one scrape at a time on a connection");
      return;
    }
    let reading: SharedBody | undefined;
    begin(response, socket, () => reading?.letGo());

    let result: Rendered;
    try {
      result = await render(headers.accept ?? "");
    } catch {
      replyText(response, 500, "metrics can't be rendered, the log says why");
      return;
    }
    if (!busy.has(socket)) return;
    const asGzip = acceptsGzip(headers["accept-encoding"]);
    if (!asGzip) {
      result.body.take();
      reading = result.body;
    }
    const body = asGzip ? await result.gzipped() : result.body.bytes;
    if (!busy.has(socket)) return;

    const ended = bodies.hold(body, socket);
    if (ended > 0) log.limited("readers").warn("slow scrapes ended", { connections: ended });
    if (asGzip) response.setHeader("Content-Encoding", "gzip");
    response.setHeader("Vary", "Accept, Accept-Encoding");
    reply(response, result.contentType, body);
  };
}

function rendered({ contentType, body, release = () => {} }: Exposition): Rendered {
  const shared = new SharedBody(typeof body === "string" ? Buffer.from(body) : body, release);
  // By then all requests that share it have got it.
  setImmediate(() => shared.letGo());
  let gzipped: Promise<Buffer> | undefined;
  return {
    contentType,
    body: shared,
    gzipped: () => (gzipped ??= gzipOf(shared)),
  };
}

async function gzipOf(body: SharedBody): Promise<Buffer> {
  body.take();
  try {
    return await gzippedText(body.bytes);
  } finally {
    body.letGo();
  }
}
