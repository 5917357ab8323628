import type { IncomingMessage, ServerResponse } from "node:http";
import { replyText } from "../connection/reply.ts";

/** Lets a page load nothing. */
export const CONTENT_POLICY =
  "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/**
 * Checks a request before the routes get it, and sets the headers that all responses have. Answers
 * 405 to a method other than GET and HEAD, and 400 to an invalid target or several hosts. Replaces
 * an absolute URL, which proxies send, by its path. Returns false if it has answered.
 */
export function admit(request: IncomingMessage, response: ServerResponse): boolean {
  secure(response);
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("Allow", "GET, HEAD");
    replyText(response, 405, "method not allowed");
    return false;
  }
  const target = originForm(request.url ?? "");
  if (target === undefined || hosts(request) > 1) {
    replyText(response, 400, "bad request");
    return false;
  }
  request.url = target;
  return true;
}

/** Sets the headers that all responses have. */
export function secure(response: ServerResponse): void {
  response.setHeader("Cache-Control", "no-store");
  response.setHeader("Content-Security-Policy", CONTENT_POLICY);
  response.setHeader("Cross-Origin-Resource-Policy", "same-origin");
  response.setHeader("Referrer-Policy", "no-referrer");
  response.setHeader("X-Content-Type-Options", "nosniff");
  response.setHeader("X-Frame-Options", "DENY");
}

/** Counts Host headers: a proxy may use another one of them than we do (RFC 9112, section 3.2). */
function hosts({ rawHeaders }: IncomingMessage): number {
  const isHost = (_: string, at: number): boolean =>
    at % 2 === 0 && rawHeaders[at]?.toLowerCase() === "host";
  return rawHeaders.filter(isHost).length;
}

/** Returns the path that the routes match, or undefined if the target is invalid. */
export function pathOf(request: IncomingMessage): string | undefined {
  return originForm(request.url ?? "")?.replace(/\?.*$/s, "");
}

/**
 * Returns the target as path and query (RFC 9112, section 3.2.1), or undefined if it has anything but
 * printable ASCII without `#`: `url.parse`, which Express calls, would guess at hosts, warn and throw.
 */
function originForm(target: string): string | undefined {
  const [origin = ""] = /^https?:\/\/[^/?#]*/i.exec(target) ?? [];
  if (origin !== "" && !URL.canParse(origin)) return undefined;
  const path = target.slice(origin.length);
  if (path === "" && origin !== "") return "/";
  return /^\/[!"$-~]*$/.test(path) ? path : undefined;
}
