import type { IncomingHttpHeaders, RequestOptions } from "node:http";

// An import reads all names of the module, and one loads a WebSocket client of 8 MB.
const { request: plainRequest } = process.getBuiltinModule("node:http");

/** Longest response that is read: usual ones have a few hundred bytes. */
const MAX_BODY_BYTES = 64 * 1024;

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The part that was read. */
  readonly body: Buffer;
  /** `cut`: the connection or the time limit ended before the body; `long`: it exceeds the bound. */
  readonly end: "whole" | "cut" | "long";
}

/** The request failed before a response. */
export class ExchangeError extends Error {
  /** True if it was on a kept connection, which the endpoint may have closed. */
  readonly isStale: boolean;

  constructor(cause: Error, isStale: boolean) {
    super(cause.message, { cause });
    this.isStale = isStale;
  }
}

/**
 * Posts a body, and reads the response. Doesn't follow redirects.
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
    // Once a response has begun, its own end counts: it may reject the request half-way.
    if (isAnswered) return;
    const isStale = outgoing.reusedSocket && ["ECONNRESET", "EPIPE"].includes(error.code ?? "");
    reject(new ExchangeError(error, isStale));
  });
  outgoing.once("upgrade", (_response, socket) => {
    socket.destroy();
    reject(new ExchangeError(new Error("Protocol error: the endpoint answered 101"), false));
  });
  // Some ends have no error. Later than an answer or an error, this changes nothing.
  outgoing.once("close", () => {
    if (!isAnswered) reject(new ExchangeError(new Error("socket hang up"), false));
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
      // An endpoint that responds early doesn't read the rest of the request.
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
