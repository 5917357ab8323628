import { createHttpServer } from "../../src/http/server.ts";
import { systemClock } from "../../src/platform/time/clock.ts";
import { recordedLog } from "./recorded-log.ts";
import type { StatusFleet } from "./status-fleet.ts";

export interface StatusServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** What it logged. */
  readonly lines: readonly string[];
}

/** The HTTP side of the program with a fleet that is made up, on a free port if not on this one. */
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
