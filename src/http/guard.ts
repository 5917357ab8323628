import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Clock } from "../domain/clock.ts";
import type { Logger } from "../domain/log.ts";
import { ROUTES } from "../domain/routes.ts";
import { asError } from "../platform/data/as-error.ts";
import { BasicAuth } from "./auth/basic-auth.ts";
import type { Verdict } from "./auth/basic-auth.ts";
import { BcryptChecks } from "./auth/bcrypt-checks.ts";
import { TokenBucket } from "./auth/token-bucket.ts";
import { replyText } from "./connection/reply.ts";
import { connectionOf } from "./connection/request.ts";
import { pathOf, secure } from "./handlers/admit.ts";
import type { RateLimit } from "./web-config/web-config.ts";
import type { WebSettings } from "./web-config/web-settings.ts";

export interface GuardOptions {
  readonly web: WebSettings;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Guard {
  readonly listener: RequestListener;
  close(): Promise<void>;
}

/**
 * Enforces the web configuration before `next` gets a request: users if the file has any, the rate
 * limit, and the headers of all responses. The health of the process is public.
 */
export function guarded(next: RequestListener, { web, clock, log }: GuardOptions): Guard {
  const checks = new BcryptChecks(clock);
  const auth = new BasicAuth(checks.compare, clock);
  const bucketOf = rateBucket(clock);

  async function judge(request: IncomingMessage): Promise<Verdict> {
    await web.check();
    const { users, rateLimit } = web.current;
    if (pathOf(request) === ROUTES.healthy) return { status: 200 };
    const bucket = bucketOf(rateLimit);
    if (bucket?.take() === false) return { status: 429, retryAfterMs: bucket.waitMs };
    if (users.size === 0) return { status: 200 };
    const address = request.socket.remoteAddress ?? "";
    const verdict = await auth.check(request.headers.authorization, users, address);
    if (verdict.status === 401 && request.headers.authorization !== undefined) {
      log.limited("login").warn("login failed", { from: address });
    } else if (verdict.status === 429) {
      log.limited("logins").warn("too many failed logins", { from: address });
    }
    return verdict;
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    secure(response);
    let verdict: Verdict;
    try {
      verdict = await judge(request);
    } catch (error) {
      log.limited("guard").error("request failed", { err: asError(error) });
      verdict = { status: 503, retryAfterMs: 1000 };
    }
    // A response whose client disconnected meanwhile emits no second `close`: handlers would wait.
    if (response.destroyed || connectionOf(request).destroyed) return;
    fixHeaders(response, web.current.headers);
    if (verdict.status === 200) next(request, response);
    else reject(response, verdict);
  }

  return {
    listener: (request, response) => {
      handle(request, response).catch((error: unknown) => {
        log.limited("guard").error("request failed", { err: asError(error) });
        response.destroy();
      });
    },
    close: () => checks.close(),
  };
}

function reject(response: ServerResponse, verdict: Verdict): void {
  if (verdict.status === 401) {
    response.setHeader("WWW-Authenticate", 'Basic realm="unitwatch", charset="UTF-8"');
    replyText(response, 401, "unauthorized");
  } else if ("retryAfterMs" in verdict) {
    response.setHeader("Retry-After", Math.max(1, Math.ceil(verdict.retryAfterMs / 1000)));
    replyText(response, verdict.status, verdict.status === 429 ? "too many requests" : "busy");
  }
}

/** Sets these headers, or removes those with an empty value. The routes can't change them later. */
function fixHeaders(response: ServerResponse, headers: ReadonlyMap<string, string>): void {
  if (headers.size === 0) return;
  for (const [name, value] of headers) {
    if (value === "") response.removeHeader(name);
    else response.setHeader(name, value);
  }
  const fixed = new Set([...headers.keys()].map((name) => name.toLowerCase()));
  const setHeader = response.setHeader.bind(response);
  response.setHeader = (name, value) =>
    fixed.has(name.toLowerCase()) ? response : setHeader(name, value);
}

/** Returns a function that gives the bucket of a limit: a full one whenever the limit changes. */
function rateBucket(clock: Clock): (limit: RateLimit | undefined) => TokenBucket | undefined {
  let knownKey: string | undefined;
  let bucket: TokenBucket | undefined;
  return (limit) => {
    const key = limit === undefined ? undefined : `${limit.intervalMs} ${limit.burst}`;
    if (key !== knownKey) {
      knownKey = key;
      bucket = limit === undefined ? undefined : new TokenBucket(limit, clock);
    }
    return bucket;
  };
}
