import type { IncomingHttpHeaders, RequestOptions } from "node:http";

// Imported as a module, its names are all read, and one of them loads 8 MB: a WebSocket client.
const { request: plainRequest } = process.getBuiltinModule("node:http");

/** Longest answer that is read: one to an export has a few hundred bytes. */
const MAX_BODY_BYTES = 64 * 1024;

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** As far as it was read. */
  readonly body: Buffer;
  /** `cut`: the connection ended, or the time was over, before the body did; `long`: past the bound. */
  readonly end: "whole" | "cut" | "long";
}

/** The request failed before there was an answer. */
export class ExchangeError extends Error {
  /** On a connection kept from before, which the other side may have closed meanwhile. */
  readonly isStale: boolean;

  constructor(cause: Error, isStale: boolean) {
    super(cause.message, { cause });
    this.isStale = isStale;
  }
}

/**
 * Posts a body, and reads the answer; redirects aren't followed.
 *
 * @throws ExchangeError
 */
export function exchange(
  options: RequestOptions,
  body: Uint8Array,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  const start =
    options.protocol === "https:" ? process.getBuiltinModule("node:https").request : plainRequest;
  const outgoing = start({ ...options, method: "POST", signal });
  let isAnswered = false;
  outgoing.on("error", (error: NodeJS.ErrnoException) => {
    // After the answer has begun its own end tells, such as that of a refusal in mid-request.
    if (isAnswered) return;
    const isStale = outgoing.reusedSocket && ["ECONNRESET", "EPIPE"].includes(error.code ?? "");
    reject(new ExchangeError(error, isStale));
  });
  outgoing.once("response", (response) => {
    isAnswered = true;
    const chunks: Buffer[] = [];
    let bytes = 0;
    let isSettled = false;
    const settle = (end: HttpAnswer["end"]): void => {
      if (isSettled) return;
      isSettled = true;
      const { statusCode: status = 0, headers } = response;
      resolve({ status, headers, body: Buffer.concat(chunks), end });
      // Who answers before all was sent doesn't want the rest.
      if (end !== "whole" || !outgoing.writableFinished) outgoing.destroy();
    };
    response.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) settle("long");
      else chunks.push(chunk);
    });
    response.once("end", () => settle(response.complete ? "whole" : "cut"));
    response.once("error", () => settle("cut"));
    response.once("close", () => settle("cut"));
  });
  outgoing.end(body);
  return promise;
}
