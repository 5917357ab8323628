import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../../domain/clock.ts";
import type { Logger } from "../../domain/log.ts";
import { ROUTES } from "../../domain/routes.ts";
import { CONTENT_POLICY } from "./admit.ts";
import type { AnyFeed } from "./events.ts";
import { eventsHandler } from "./events.ts";
import type { Render } from "./rendered.ts";
import { renderedHandler } from "./rendered.ts";
import { reply, replyText } from "../connection/reply.ts";

/** What the status page and the API are made of. */
export interface StatusRoutes {
  /** The page as HTML. */
  readonly page: Render;
  /** What is true now, as JSON. */
  readonly state: Render;
  /** What happens, as it happens. */
  readonly events: AnyFeed;
  /** A script or style of the page; undefined where there is none of this name. */
  readonly asset: (
    name: string,
  ) => Promise<{ readonly contentType: string; readonly body: Buffer }> | undefined;
}

/** The page loads its own files, talks to its own server, and makes no markup of text. */
const PAGE_POLICY =
  `${CONTENT_POLICY}; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; ` +
  "require-trusted-types-for 'script'; trusted-types 'none'";

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** The routes of the status page and the API, by path; that of {@link ROUTES}.page takes all below it. */
export function statusHandlers(options: {
  readonly status: StatusRoutes;
  readonly clock: Clock;
  readonly log: Logger;
}): Readonly<Record<"index" | "state" | "events" | "page", Handler>> {
  const { status, clock, log } = options;
  return {
    index: renderedHandler({
      what: "the status page",
      contentType: "text/html; charset=utf-8",
      render: status.page,
      headers: { "Content-Security-Policy": PAGE_POLICY },
      clock,
      log,
    }),
    state: renderedHandler({
      what: "the state",
      contentType: "application/json; charset=utf-8",
      render: status.state,
      clock,
      log,
    }),
    events: eventsHandler({ events: status.events, clock, log }),
    page: async (request, response) => {
      const [path = ""] = (request.url ?? "").split("?");
      const found = await status.asset(path.slice(ROUTES.page.length));
      if (found === undefined) replyText(response, 404, "not found");
      else reply(response, found.contentType, found.body);
    },
  };
}
