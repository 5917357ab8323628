import type { RequestListener } from "node:http";
import { Router } from "express";
import type { ErrorRequestHandler, Request, Response } from "express";
import type { Logger } from "../domain/log.ts";
import { isReservedPath, ROUTES } from "../domain/routes.ts";
import { replyText } from "./connection/reply.ts";
import { admit } from "./handlers/admit.ts";
import { scrapeHandler } from "./handlers/scrape.ts";
import type { ScrapeOptions } from "./handlers/scrape.ts";
import { statusHandlers } from "./handlers/status-page.ts";
import type { StatusRoutes } from "./handlers/status-page.ts";

export interface HttpAppOptions extends ScrapeOptions {
  /** Path of the metrics. {@link isReservedPath} must not hold for it. */
  readonly telemetryPath: string;
  /** Returns true once the first listing of the engine is applied. */
  readonly ready: () => boolean;
  readonly status: StatusRoutes;
}

/** Creates the routes. Any other path is 404, and any method but GET and HEAD is 405. */
export function createHttpApp(options: HttpAppOptions): RequestListener {
  const { telemetryPath, ready, log } = options;
  if (isReservedPath(telemetryPath)) {
    throw new Error(`telemetry path ${telemetryPath} is reserved for another route`);
  }
  // An application of Express would set the prototypes of HTTP/1.1 on requests of HTTP/2; its router
  // leaves them as they are. Handlers use the methods that both protocols have in Node.js.
  const app = Router({ caseSensitive: true, strict: true });

  const handlers = statusHandlers(options);
  app.get(ROUTES.index, handlers.index);
  app.get(ROUTES.state, handlers.state);
  app.get(ROUTES.events, handlers.events);
  app.get(`${ROUTES.page}*name`, handlers.page);
  app.get(telemetryPath, scrapeHandler(options));
  app.get(ROUTES.healthy, (_request, response) => {
    replyText(response, 200, "unitwatch is healthy");
  });
  app.get(ROUTES.ready, (_request, response) => {
    if (ready()) replyText(response, 200, "unitwatch is ready");
    else replyText(response, 503, "unitwatch is not ready: the first listing is under way");
  });
  app.use((_request, response) => {
    replyText(response, 404, "not found");
  });
  app.use(onError(log));
  return (request, response) => {
    if (!admit(request, response)) return;
    app(request as Request, response as Response, () => response.destroy());
  };
}

/** Logs an error, and answers without its cause. Express requires all four parameters. */
function onError(log: Logger): ErrorRequestHandler {
  return (error: Error & { status?: unknown }, _request, response, _next) => {
    // Express reports a path with invalid escapes, below that of the page, as the client's error.
    const isClients = typeof error.status === "number" && error.status >= 400 && error.status < 500;
    if (!isClients) log.limited("request").error("request failed", { err: error });
    if (response.headersSent) response.destroy();
    else replyText(response, isClients ? 404 : 500, isClients ? "not found" : "internal error");
  };
}
