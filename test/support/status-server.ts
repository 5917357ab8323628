import { createHttpServer } from "../../src/http/server.ts";
import { systemClock } from "../../src/platform/time/clock.ts";
import { recordedLog } from "./recorded-log.ts";
import type { StatusFleet } from "./status-fleet.ts";

export interface StatusServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Lines of its log. */
  readonly lines: readonly string[];
}

/** Starts the HTTP server of a test's fleet, on this port or a free one. */
export async function startStatusServer(
  made: StatusFleet,
  { port: wanted = 0 }: { readonly port?: number } = {},
): Promise<StatusServer> {
  const { log, lines } = recordedLog(systemClock);
  const server = createHttpServer({
    telemetryPath: "/metrics",
    metrics: () => Promise.resolve({ contentType: "text/plain", body: "" }),
    ready: () => true,
    status: made.status.routes,
    clock: systemClock,
    log,
  });
  const [bound] = await server.listen([{ host: "127.0.0.1", port: wanted }]);
  const port = bound?.port ?? 0;
  return {
    port,
    url: `http://127.0.0.1:${port}/`,
    lines,
    [Symbol.asyncDispose]: () => server.close(),
  };
}
