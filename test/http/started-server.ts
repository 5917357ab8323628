import type { ListenAddress } from "../../src/domain/listen-address.ts";
import { EventFeed } from "../../src/http/handlers/event-feed.ts";
import { createHttpServer } from "../../src/http/server.ts";
import type { HttpServer, HttpServerOptions } from "../../src/http/server.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { recordedLog } from "../support/recorded-log.ts";

export interface StartedServer extends AsyncDisposable {
  readonly server: HttpServer;
  readonly port: number;
  readonly clock: FakeClock;
  readonly lines: readonly string[];
}

export const LOOPBACK: ListenAddress = { host: "127.0.0.1", port: 0 };

/** Starts a server on a free port of 127.0.0.1, with plain answers unless `options` has others. */
export async function startServer(
  options: Partial<HttpServerOptions> = {},
): Promise<StartedServer> {
  const clock = new FakeClock();
  const { log, lines } = recordedLog(clock);
  const server = createHttpServer({
    telemetryPath: "/metrics",
    metrics: () => Promise.resolve({ contentType: "text/plain", body: "up 1\n" }),
    ready: () => true,
    status: {
      page: () => Promise.resolve(Buffer.from("<!DOCTYPE html><title>unitwatch</title>")),
      state: () => Promise.resolve(Buffer.from("{}")),
      events: new EventFeed({ serialize: String, instance: "test" }),
      asset: () => undefined,
    },
    clock,
    log,
    ...options,
  });
  const [bound] = await server.listen([LOOPBACK]);
  return {
    server,
    port: bound?.port ?? 0,
    clock,
    lines,
    async [Symbol.asyncDispose]() {
      const closed = server.close();
      await clock.advance(1000);
      await closed;
    },
  };
}
