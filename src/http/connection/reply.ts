import type { ServerResponse } from "node:http";

/** Ends the response with `body`; Node.js leaves the body out of an answer to HEAD. */
export function reply(response: ServerResponse, contentType: string, body: Buffer): void {
  response.setHeader("Content-Type", contentType);
  response.setHeader("Content-Length", body.length);
  response.end(body);
}

/** Ends the response with one line of plain text. */
export function replyText(response: ServerResponse, status: number, line: string): void {
  response.statusCode = status;
  reply(response, "text/plain; charset=utf-8", Buffer.from(`${line}\n`));
}
