import type { IncomingMessage } from "node:http";

/** The query of a request's target; what isn't proper UTF-8 is replaced. */
export function queryOf(request: IncomingMessage): URLSearchParams {
  const url = request.url ?? "";
  const mark = url.indexOf("?");
  return new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1));
}
