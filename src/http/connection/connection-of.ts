import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest, ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";

/** What requests come on: a socket, or with HTTP/2 a session, with many of them at a time. */
export type Connection = Socket | ServerHttp2Session;

/** The connection of a request, of either protocol. */
export function connectionOf(request: IncomingMessage | Http2ServerRequest): Connection {
  if (!("stream" in request)) return request.socket;
  // A stream that is closed has no session any more, which is gone for what it asked, too.
  const session = request.stream.session as ServerHttp2Session | undefined;
  return session ?? request.socket;
}
