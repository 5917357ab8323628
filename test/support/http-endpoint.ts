import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface HttpEndpoint extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Requests in the order in which their bodies were complete. */
  readonly requests: readonly ReceivedRequest[];
  /** Status of the answers; a promise delays them until it resolves. */
  status: number | Promise<number>;
  /** Resolves when this many requests have arrived. */
  received(count: number): Promise<void>;
}

/** Starts a server on a free port of 127.0.0.1 that records requests, and answers without a body. */
export async function httpEndpoint(status: number | Promise<number> = 200): Promise<HttpEndpoint> {
  const requests: ReceivedRequest[] = [];
  let arrived = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { method = "", url: path = "", headers } = request;
      requests.push({ method, path, headers, body: Buffer.concat(chunks) });
      arrived.resolve();
      arrived = Promise.withResolvers();
      response.writeHead(await endpoint.status).end();
    })();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const endpoint: HttpEndpoint = {
    url: `http://127.0.0.1:${port}`,
    requests,
    status,
    async received(count) {
      while (requests.length < count) await arrived.promise;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  return endpoint;
}
