import type { RequestHandler } from "express";
import type { Clock } from "../../domain/clock.ts";
import type { Logger } from "../../domain/log.ts";
import { renderedHandler } from "./rendered.ts";
import type { Rendering } from "./rendered.ts";

/** Bodies that are being sent to slow scrapers at a time. */
export const MAX_SCRAPE_BODIES = 8;

/** Renders the metrics in the format that an Accept header prefers; undefined without the header. */
export type RenderMetrics = (accept: string | undefined) => Promise<Rendering>;

export interface ScrapeOptions {
  readonly metrics: RenderMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Returns the handler of scrapes. A second scrape under way on an HTTP/1.1 connection gets 503. */
export function scrapeHandler({ metrics, clock, log }: ScrapeOptions): RequestHandler {
  const answer = renderedHandler({
    what: "metrics",
    render: (accept) => metrics(accept === "" ? undefined : accept),
    maxBodies: MAX_SCRAPE_BODIES,
    // HTTP/2 limits the streams of a session itself.
    perConnection: { http1: 1, http2: Infinity },
    vary: "Accept",
    clock,
    log,
  });
  return (request, response) => answer(request, response, request.headers.accept ?? "");
}
