import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../../domain/clock.ts";
import type { Logger } from "../../domain/log.ts";
import { acceptsGzip } from "./negotiate.ts";
import { ConnectionUses } from "../connection/connection-uses.ts";
import { HeldBodies } from "./held-bodies.ts";
import { onceOver } from "../connection/once-over.ts";
import { queryOf } from "../connection/query.ts";
import { renderingOf } from "./rendering.ts";
import { reply, replyText } from "../connection/reply.ts";
import { sharedRuns } from "./shared-runs.ts";

/** Bodies that wait for slow readers at the same time, all readers of one route together. */
export const MAX_RENDERED_BODIES = 4;
/** What isn't read by then is ended. */
export const RENDERED_DEADLINE_MS = 60_000;
/** Containers that can be asked for by name at a time. */
export const MAX_NAMED = 100;

/** Requests at a time that wait on one connection. */
const MAX_WAITING_PER_CONNECTION = 5;

/** Renders what is true now, of these containers alone or, without names, of all. */
export type Render = (names: readonly string[] | undefined) => Promise<Buffer>;

export interface RenderedOptions {
  readonly what: string;
  readonly contentType: string;
  readonly render: Render;
  readonly headers?: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Answers with what `render` gives for the containers that `?container=` names (as often as wanted);
 * those who ask for the same at the same time share it. Slow readers hold up nobody else, and hold
 * no more than {@link MAX_RENDERED_BODIES} bodies.
 */
export function renderedHandler(options: RenderedOptions) {
  const { what, clock, log, headers = {} } = options;
  const render = sharedRuns(async (key: string) => {
    const names = key === "" ? undefined : (JSON.parse(key) as string[]);
    try {
      return renderingOf(options.contentType, await options.render(names));
    } catch (error) {
      log.limited(what).error(`${what} can't be rendered`, { err: error as Error });
      throw error;
    }
  });
  const bodies = new HeldBodies(MAX_RENDERED_BODIES);
  const uses = new ConnectionUses(MAX_WAITING_PER_CONNECTION);

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const names = queryOf(request).getAll("container");
    if (names.length > MAX_NAMED) {
      replyText(response, 400, `at most ${MAX_NAMED} containers can be named`);
      return;
    }
    const { socket } = request;
    const end = uses.begin(request);
    if (end === undefined) {
      replyText(response, 503, "too many requests wait on this connection");
      return;
    }
    const deadline = clock.setTimeout(() => response.destroy(), RENDERED_DEADLINE_MS);
    let isOver = false;
    onceOver(response, socket, () => {
      isOver = true;
      end();
      deadline[Symbol.dispose]();
      bodies.release(response);
    });

    let result: Awaited<ReturnType<typeof render>>;
    try {
      const key = names.length === 0 ? "" : JSON.stringify([...new Set(names)].toSorted());
      result = await render(key);
    } catch {
      replyText(response, 500, `${what} can't be rendered, the log says why`);
      return;
    }
    const asGzip = acceptsGzip(request.headers["accept-encoding"]);
    const body = asGzip ? await result.gzipped() : result.body;
    if (isOver) return;

    const ended = bodies.hold(body, response);
    if (ended > 0) log.limited("readers").warn("slow readers ended", { readers: ended });
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (asGzip) response.setHeader("Content-Encoding", "gzip");
    response.setHeader("Vary", "Accept-Encoding");
    reply(response, result.contentType, body);
  };
}
