import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Request, RequestHandler, Response } from "express";
import type { Clock } from "../domain/clock.ts";
import type { Logger } from "../domain/log.ts";
import { acceptsGzip } from "./accept-encoding.ts";
import { reply, replyText } from "./reply.ts";
import { sharedRuns } from "./shared-runs.ts";

const gzipAsync = promisify(gzip);
/** Metrics shrink to a 25th at this level, in half the time of the default one. */
const GZIP_LEVEL = 3;

/** Scrapes under way at the same time; each holds at most one body, and equal ones share theirs. */
export const MAX_SCRAPES = 16;
/** A scrape that isn't read by then is ended. Prometheus itself gives up long before. */
export const SCRAPE_DEADLINE_MS = 60_000;

/** One rendering of all metrics. */
export interface Exposition {
  readonly contentType: string;
  readonly body: Buffer | string;
}

/** Renders the metrics in the format that an Accept header asks for; undefined: none was sent. */
export type RenderMetrics = (accept: string | undefined) => Promise<Exposition>;

interface Rendered {
  readonly contentType: string;
  readonly body: Buffer;
  /** The body gzipped, once for all that ask. */
  gzipped(): Promise<Buffer>;
}

/** What the handler needs of the others. */
export interface ScrapeOptions {
  readonly metrics: RenderMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Answers scrapes: 200; 503 past {@link MAX_SCRAPES} or to one more on the same connection. */
export function scrapeHandler({ metrics, clock, log }: ScrapeOptions): RequestHandler {
  const render = sharedRuns(async (accept: string): Promise<Rendered> => {
    try {
      return rendered(await metrics(accept === "" ? undefined : accept));
    } catch (error) {
      log.limited("metrics").error("metrics can't be rendered", { err: error as Error });
      throw error;
    }
  });
  const connections = new Set<Request["socket"]>();

  return async (request, response) => {
    const { socket } = request;
    if (connections.size >= MAX_SCRAPES || connections.has(socket)) {
      log.limited("scrapes").warn("scrape refused: too many at a time", { limit: MAX_SCRAPES });
      response.setHeader("Retry-After", "1");
      replyText(response, 503, `too many scrapes at a time, the limit is ${MAX_SCRAPES}`);
      return;
    }
    connections.add(socket);
    const deadline = clock.setTimeout(() => socket.destroy(), SCRAPE_DEADLINE_MS);
    // A response that waits behind another on a connection that ends doesn't tell; the socket does.
    const release = (): void => {
      deadline[Symbol.dispose]();
      connections.delete(socket);
      response.off("close", release);
      socket.off("close", release);
    };
    response.once("close", release);
    socket.once("close", release);

    let result: Rendered;
    try {
      result = await render(request.headers.accept ?? "");
    } catch {
      replyText(response, 500, "metrics can't be rendered, the log says why");
      return;
    }
    await send(result, acceptsGzip(request.headers["accept-encoding"]), response);
  };
}

async function send(result: Rendered, asGzip: boolean, response: Response): Promise<void> {
  const body = asGzip ? await result.gzipped() : result.body;
  if (response.closed) return;
  if (asGzip) response.setHeader("Content-Encoding", "gzip");
  response.setHeader("Vary", "Accept, Accept-Encoding");
  reply(response, result.contentType, body);
}

function rendered({ contentType, body }: Exposition): Rendered {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  let gzipped: Promise<Buffer> | undefined;
  return {
    contentType,
    body: bytes,
    gzipped: () => (gzipped ??= gzipAsync(bytes, { level: GZIP_LEVEL })),
  };
}
