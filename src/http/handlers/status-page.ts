import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../../domain/clock.ts";
import type { Logger } from "../../domain/log.ts";
import { ROUTES } from "../../domain/routes.ts";
import { reply, replyText } from "../connection/reply.ts";
import { queryOf } from "../connection/request.ts";
import { CONTENT_POLICY } from "./admit.ts";
import type { AnyFeed } from "./events.ts";
import { eventsHandler } from "./events.ts";
import { renderedHandler } from "./rendered.ts";

/** Bodies of the page, and of the state, that are being sent to slow clients at a time. */
export const MAX_STATUS_BODIES = 4;
/** Containers, and units, that a request can name. */
export const MAX_NAMED = 100;

/** Requests under way on a connection. A browser opens 6 connections, or one session of HTTP/2. */
const PER_CONNECTION = { http1: 5, http2: 6 };

/** Parts of the containers that a rendering shows. */
export interface Selection {
  /** Names of the only units; undefined: all. */
  readonly units?: readonly string[] | undefined;
  /** True for the containers, and units, that need attention alone. */
  readonly attention?: boolean | undefined;
}

/** Renders the present state: of the named containers, or of all if names are undefined. */
export type RenderStatus = (
  names: readonly string[] | undefined,
  selection?: Selection,
) => Promise<Buffer>;

export interface StatusRoutes {
  /** Renders the page as HTML. */
  readonly page: RenderStatus;
  /** Renders the state as JSON. */
  readonly state: RenderStatus;
  /** Live changes. */
  readonly events: AnyFeed;
  /** Returns a script, style or icon of the page; undefined if no asset has this name. */
  readonly asset: (
    name: string,
  ) => Promise<{ readonly contentType: string; readonly body: Buffer }> | undefined;
}

/** The page loads its own assets, connects to its own server, and makes no markup from text. */
const PAGE_POLICY =
  `${CONTENT_POLICY}; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; ` +
  "require-trusted-types-for 'script'; trusted-types 'none'";

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

interface StatusOptions {
  readonly status: StatusRoutes;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Returns the handlers of the status page and the API; `page` serves all paths below its own. */
export function statusHandlers(
  options: StatusOptions,
): Readonly<Record<"index" | "state" | "events" | "page", Handler>> {
  const { status, clock, log } = options;
  return {
    index: statusHandler(options, {
      what: "the status page",
      contentType: "text/html; charset=utf-8",
      render: status.page,
      headers: { "Content-Security-Policy": PAGE_POLICY },
    }),
    state: statusHandler(options, {
      what: "the state",
      contentType: "application/json; charset=utf-8",
      render: status.state,
      selects: true,
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

/**
 * Answers with the containers that `?container=` names, each as often as wanted, or with all; if it
 * selects, with the units that `?unit=` names, and with `?attention=1` what needs attention.
 */
function statusHandler(
  { clock, log }: StatusOptions,
  route: {
    readonly what: string;
    readonly contentType: string;
    readonly render: RenderStatus;
    readonly headers?: Readonly<Record<string, string>>;
    readonly selects?: boolean;
  },
): Handler {
  const { what, contentType, render, headers = {}, selects = false } = route;
  const answer = renderedHandler({
    what,
    headers,
    render: async (key) => {
      const { names, ...selection } = JSON.parse(key) as Key;
      return { contentType, body: await render(names, selection) };
    },
    maxBodies: MAX_STATUS_BODIES,
    perConnection: PER_CONNECTION,
    clock,
    log,
  });
  return async (request, response) => {
    const query = queryOf(request);
    const names = query.getAll("container");
    const units = selects ? query.getAll("unit") : [];
    if (Math.max(names.length, units.length) > MAX_NAMED) {
      const named = names.length > MAX_NAMED ? "containers" : "units";
      replyText(response, 400, `at most ${MAX_NAMED} ${named} can be named`);
      return;
    }
    const attention = (selects && query.get("attention") === "1") || undefined;
    const key: Key = { names: namedBy(names), units: namedBy(units), attention };
    await answer(request, response, JSON.stringify(key));
  };
}

/** Requests with the same key share a rendering. */
interface Key extends Selection {
  readonly names: readonly string[] | undefined;
}

function namedBy(names: readonly string[]): readonly string[] | undefined {
  return names.length === 0 ? undefined : [...new Set(names)].toSorted();
}
