import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../../domain/clock.ts";
import type { Logger } from "../../domain/log.ts";
import { replyText } from "../connection/reply.ts";
import { onceOver, queryOf, RequestLimit } from "../connection/request.ts";
import { eventFrame } from "./event-feed.ts";
import type { EventFeed } from "./event-feed.ts";
import { EventStream } from "./event-stream.ts";

/** Event streams that are open at a time. */
export const MAX_EVENT_SUBSCRIBERS = 64;
/** Delay before a client reconnects. */
const RETRY_MS = 2000;
/** The part of a client's last event id that is sent back. */
const MAX_ID_CHARS = 64;
/** Nothing passes a stream on an HTTP/1.1 connection. A browser opens 6 on a session of HTTP/2. */
const PER_CONNECTION = { http1: 1, http2: 6 };

/** A feed, whatever its events are. */
export type AnyFeed = Pick<
  EventFeed<unknown>,
  | "batch"
  | "close"
  | "lastId"
  | "newest"
  | "next"
  | "oldest"
  | "resume"
  | "subscribe"
  | "subscribers"
>;

export interface EventsOptions {
  readonly events: AnyFeed;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Returns the handler of server-sent events
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html). A stream continues after the event
 * that Last-Event-ID names, or `?last-event-id=` for a first request; else it starts with the next
 * event. Answers 503 past {@link MAX_EVENT_SUBSCRIBERS} or the limit of the connection.
 */
export function eventsHandler({ events, clock, log }: EventsOptions) {
  const limit = new RequestLimit(PER_CONNECTION);

  return (request: IncomingMessage, response: ServerResponse): void => {
    const { socket } = request;
    const end = limit.begin(request);
    if (end === undefined) {
      replyText(response, 503, "too many event streams on this connection");
      return;
    }
    onceOver(response, socket, end);
    if (events.subscribers >= MAX_EVENT_SUBSCRIBERS) {
      log.limited("event subscribers").warn("event stream rejected: too many", {
        limit: MAX_EVENT_SUBSCRIBERS,
      });
      response.setHeader("Retry-After", RETRY_MS / 1000);
      replyText(response, 503, "too many event streams");
      return;
    }
    response.setHeader("Content-Type", "text/event-stream; charset=utf-8");
    // Proxies such as nginx must not buffer the stream.
    response.setHeader("X-Accel-Buffering", "no");
    if (request.method === "HEAD") {
      response.end();
      return;
    }
    const lastId = lastIdOf(request);
    const { next, gap } =
      lastId === "" ? { next: events.next, gap: undefined } : events.resume(lastId);
    const retry = Buffer.from(`retry: ${RETRY_MS}\n\n`);
    const notice = JSON.stringify({ reason: gap, lastEventId: lastId.slice(0, MAX_ID_CHARS) });
    const stream = new EventStream(events as EventFeed<unknown>, response, {
      clock,
      from: next,
      first: gap === undefined ? retry : Buffer.concat([retry, eventFrame("gap", notice)]),
      onSlow: () => log.limited("slow events").warn("slow event subscriber disconnected"),
    });
    onceOver(response, socket, () => stream.unsubscribe());
    stream.start();
  };
}

function lastIdOf(request: IncomingMessage): string {
  const { "last-event-id": header } = request.headers;
  if (typeof header === "string" && header !== "") return header;
  return queryOf(request).get("last-event-id") ?? "";
}
