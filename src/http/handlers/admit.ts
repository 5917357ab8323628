import type { IncomingMessage, ServerResponse } from "node:http";
import { replyText } from "../connection/reply.ts";

/** What any page may load: nothing. */
export const CONTENT_POLICY =
  "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/**
 * Looks at a request before the routes do: gives its response the headers that all have, answers
 * itself what is no GET or HEAD (405), or has no proper target or several hosts (400), and makes of a
 * whole URL, as proxies send it, its path. False where it has answered.
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

/** The headers that all responses have. */
export function secure(response: ServerResponse): void {
  response.setHeader("Cache-Control", "no-store");
  response.setHeader("Content-Security-Policy", CONTENT_POLICY);
  response.setHeader("Cross-Origin-Resource-Policy", "same-origin");
  response.setHeader("Referrer-Policy", "no-referrer");
  response.setHeader("X-Content-Type-Options", "nosniff");
  response.setHeader("X-Frame-Options", "DENY");
}

/** A proxy before us may go by another of them than we do (RFC 9112, section 3.2). */
function hosts({ rawHeaders }: IncomingMessage): number {
  const isHost = (_: string, at: number): boolean =>
    at % 2 === 0 && rawHeaders[at]?.toLowerCase() === "host";
  return rawHeaders.filter(isHost).length;
}

/** The path that the routes match; undefined where the target is no proper one. */
export function pathOf(request: IncomingMessage): string | undefined {
  return originForm(request.url ?? "")?.replace(/\?.*$/s, "");
}

/**
 * The target as path and query (RFC 9112, section 3.2.1), of printable ASCII without `#`: others
 * would reach `url.parse`, which guesses at hosts in them, warns and throws.
 */
function originForm(target: string): string | undefined {
  const [origin = ""] = /^https?:\/\/[^/?#]*/i.exec(target) ?? [];
  if (origin !== "" && !URL.canParse(origin)) return undefined;
  const path = target.slice(origin.length);
  if (path === "" && origin !== "") return "/";
  return /^\/[!"$-~]*$/.test(path) ? path : undefined;
}
