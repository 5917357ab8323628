import type { Socket } from "node:net";
import type { RequestHandler, Response } from "express";
import type { Clock } from "../domain/clock.ts";
import type { Logger } from "../domain/log.ts";
import { acceptsGzip } from "./accept-encoding.ts";
import { HeldBodies } from "./held-bodies.ts";
import { renderingOf } from "./rendering.ts";
import type { Rendering } from "./rendering.ts";
import { reply, replyText } from "./reply.ts";
import { sharedRuns } from "./shared-runs.ts";

/** Bodies that wait for slow readers at the same time, all scrapers together. */
export const MAX_BODIES = 8;
/** A scrape that isn't read by then is ended. Prometheus itself gives up long before. */
export const SCRAPE_DEADLINE_MS = 60_000;

/** One rendering of all metrics. */
export interface Exposition {
  readonly contentType: string;
  readonly body: Buffer | string;
}

/** Renders the metrics in the format that an Accept header asks for; undefined: none was sent. */
export type RenderMetrics = (accept: string | undefined) => Promise<Exposition>;

/** What the handler needs of the others. */
export interface ScrapeOptions {
  readonly metrics: RenderMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Answers scrapes: 200, or 503 to one that comes on a connection before the last is answered. */
export function scrapeHandler({ metrics, clock, log }: ScrapeOptions): RequestHandler {
  const render = sharedRuns(async (accept: string): Promise<Rendering> => {
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
  function begin(response: Response, socket: Socket): void {
    busy.add(socket);
    const deadline = clock.setTimeout(() => socket.destroy(), SCRAPE_DEADLINE_MS);
    // A response that waits behind another on a connection that ends doesn't tell; the socket does.
    const end = (): void => {
      deadline[Symbol.dispose]();
      busy.delete(socket);
      bodies.release(socket);
      response.off("close", end);
      socket.off("close", end);
    };
    response.once("close", end);
    socket.once("close", end);
  }

  return async (request, response) => {
    const { socket, headers } = request;
    if (busy.has(socket)) {
      replyText(response, 503, "one scrape at a time on a connection");
      return;
    }
    begin(response, socket);

    let result: Rendering;
    try {
      result = await render(headers.accept ?? "");
    } catch {
      replyText(response, 500, "metrics can't be rendered, the log says why");
      return;
    }
    const asGzip = acceptsGzip(headers["accept-encoding"]);
    const body = asGzip ? await result.gzipped() : result.body;
    if (!busy.has(socket)) return;

    const ended = bodies.hold(body, socket);
    if (ended > 0) log.limited("readers").warn("slow scrapes ended", { connections: ended });
    if (asGzip) response.setHeader("Content-Encoding", "gzip");
    response.setHeader("Vary", "Accept, Accept-Encoding");
    reply(response, result.contentType, body);
  };
}

function rendered({ contentType, body }: Exposition): Rendering {
  return renderingOf(contentType, typeof body === "string" ? Buffer.from(body) : body);
}
