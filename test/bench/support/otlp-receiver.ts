import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** OTLP endpoint that accepts every request and stores nothing. */
export interface OtlpReceiver extends AsyncDisposable {
  readonly url: string;
  /** Bytes received so far. */
  readonly bytes: number;
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  let bytes = 0;
  const server = createServer((request, response) => {
    request.on("data", (chunk: Buffer) => (bytes += chunk.length));
    request.on("end", () => response.setHeader("Content-Type", "application/x-protobuf").end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get bytes() {
      return bytes;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
