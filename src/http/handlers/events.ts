import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../../domain/clock.ts";
import type { Logger } from "../../domain/log.ts";
import { ConnectionUses } from "../connection/connection-uses.ts";
import { eventFrame } from "./event-feed.ts";
import type { EventFeed } from "./event-feed.ts";
import { EventStream } from "./event-stream.ts";
import { onceOver } from "../connection/once-over.ts";
import { queryOf } from "../connection/query.ts";
import { replyText } from "../connection/reply.ts";

/** Readers at a time; one more is told to come again. */
export const MAX_EVENT_READERS = 64;
/** What readers wait before they come again, in milliseconds. */
const RETRY_MS = 2000;

/** Longest id that is repeated to who sent it. */
const MAX_ID_CHARS = 64;

/** Any feed: what is in it is its owner's business. */
export type AnyFeed = Pick<
  EventFeed<unknown>,
  "attach" | "batch" | "close" | "lastId" | "newest" | "next" | "oldest" | "readers" | "resume"
>;

export interface EventsOptions {
  readonly events: AnyFeed;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Answers with server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html),
 * from the one after Last-Event-ID on, or `?last-event-id=`, which a first request can have; else
 * from now on. 503 where there are too many readers, or one on a connection already, behind which no
 * other would get anything; with HTTP/2, where others do, several.
 */
export function eventsHandler({ events, clock, log }: EventsOptions) {
  const uses = new ConnectionUses(1);

  return (request: IncomingMessage, response: ServerResponse): void => {
    const { socket } = request;
    const end = uses.begin(request);
    if (end === undefined) {
      replyText(response, 503, "too many readers of events on this connection");
      return;
    }
    onceOver(response, socket, end);
    if (events.readers >= MAX_EVENT_READERS) {
      log.limited("event readers").warn("reader of events refused: too many", {
        limit: MAX_EVENT_READERS,
      });
      response.setHeader("Retry-After", RETRY_MS / 1000);
      replyText(response, 503, "too many readers of events");
      return;
    }
    response.setHeader("Content-Type", "text/event-stream; charset=utf-8");
    // Proxies are not to hold events back.
    response.setHeader("X-Accel-Buffering", "no");
    if (request.method === "HEAD") {
      response.end();
      return;
    }
    const lastId = lastIdOf(request);
    const { next, gap } =
      lastId === "" ? { next: events.next, gap: undefined } : events.resume(lastId);
    const begin = Buffer.from(`retry: ${RETRY_MS}\n\n`);
    const told = JSON.stringify({ reason: gap, lastEventId: lastId.slice(0, MAX_ID_CHARS) });
    const stream = new EventStream(events as EventFeed<unknown>, response, {
      clock,
      from: next,
      first: gap === undefined ? begin : Buffer.concat([begin, eventFrame("gap", told)]),
      onSlow: () => log.limited("slow events").warn("slow reader of events cut off"),
    });
    onceOver(response, socket, () => stream.leave());
    stream.start();
  };
}

function lastIdOf(request: IncomingMessage): string {
  const { "last-event-id": header } = request.headers;
  if (typeof header === "string" && header !== "") return header;
  return queryOf(request).get("last-event-id") ?? "";
}
