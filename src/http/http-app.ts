import express from "express";
import type { ErrorRequestHandler, Express, RequestHandler } from "express";
import type { Logger } from "../domain/log.ts";
import { isReservedPath, ROUTES } from "../domain/routes.ts";
import { indexPage, STYLE_SOURCE } from "./index-page.ts";
import type { Fact } from "./index-page.ts";
import { reply, replyText } from "./reply.ts";
import { scrapeHandler } from "./scrape.ts";
import type { ScrapeOptions } from "./scrape.ts";

/** What the routes are made of. */
export interface HttpAppOptions extends ScrapeOptions {
  /** Path of the metrics; none that {@link isReservedPath} knows. */
  readonly telemetryPath: string;
  /** True once the first listing of the engine is folded in. */
  readonly ready: () => boolean;
  /** What the index page tells; any text. */
  readonly facts: () => readonly Fact[];
  readonly version: string;
}

/** All routes, and plain answers to all that is none. */
export function createHttpApp(options: HttpAppOptions): Express {
  const { telemetryPath, ready, facts, version, log } = options;
  if (isReservedPath(telemetryPath)) {
    throw new Error(`telemetry path ${telemetryPath} is another route`);
  }
  const app = express();
  // Paths match to the letter; what express tells or computes by default is off.
  app.enable("case sensitive routing").enable("strict routing");
  app.disable("x-powered-by").disable("etag").set("query parser", false).set("env", "production");

  app.use(secure, onlyReads);
  app.get(ROUTES.index, (_request, response) => {
    const page = indexPage(version, telemetryPath, facts());
    response.setHeader("Content-Security-Policy", `${POLICY}; style-src ${STYLE_SOURCE}`);
    reply(response, "text/html; charset=utf-8", Buffer.from(page));
  });
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
  return app;
}

const POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const secure: RequestHandler = (_request, response, next) => {
  response.setHeader("Cache-Control", "no-store");
  response.setHeader("Content-Security-Policy", POLICY);
  response.setHeader("Cross-Origin-Resource-Policy", "same-origin");
  response.setHeader("Referrer-Policy", "no-referrer");
  response.setHeader("X-Content-Type-Options", "nosniff");
  response.setHeader("X-Frame-Options", "DENY");
  next();
};

const onlyReads: RequestHandler = ({ method }, response, next) => {
  if (method === "GET" || method === "HEAD") {
    next();
    return;
  }
  response.setHeader("Allow", "GET, HEAD");
  replyText(response, 405, "method not allowed");
};

/** Answers without saying what went wrong; that goes to the log. Express wants all four parameters. */
function onError(log: Logger): ErrorRequestHandler {
  return (error: Error & { status?: unknown }, _request, response, _next) => {
    const isClients = typeof error.status === "number" && error.status >= 400 && error.status < 500;
    if (!isClients) log.limited("request").error("request failed", { err: error });
    if (response.headersSent) response.destroy();
    else replyText(response, isClients ? 400 : 500, isClients ? "bad request" : "internal error");
  };
}
