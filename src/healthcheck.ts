#!/usr/bin/env node
/**
 * The image's HEALTHCHECK: exits 0 where the unitwatch that is process 1 of this container answers
 * on its first address, else 1. It reads that from the flags of process 1 and from the environment,
 * which is the container's for both.
 */
import { readFileSync } from "node:fs";
import { parseConfig } from "./config/parse-config.ts";
import { formatListenAddress } from "./domain/listen-address.ts";
import { ROUTES } from "./domain/routes.ts";

// Imported as a module, its names are all read, and one of them loads 8 MB: a WebSocket client.
const { request } = process.getBuiltinModule("node:http");
const LIMIT_MS = 4_000;

const [, command = ""] = /(?:^|\0)[^\0]*\bmain\.[jt]s\0(.*)$/s.exec(commandLine()) ?? [];
const parsed = parseConfig(command.split("\0").slice(0, -1), process.env);
const address = parsed.kind === "run" ? parsed.config.web.listenAddresses[0] : undefined;
if (address === undefined) {
  end(1, "unitwatch is set up wrongly");
} else {
  // A wildcard is no address to connect to.
  const host = ["0.0.0.0", "::", undefined].includes(address.host) ? "localhost" : address.host;
  const url = `http://${formatListenAddress({ ...address, host })}${ROUTES.healthy}`;
  request(url, { signal: AbortSignal.timeout(LIMIT_MS) }, (response) => {
    end(response.statusCode === 200 ? 0 : 1, `${url} answers ${response.statusCode}`);
  })
    .on("error", (error) => end(1, `${url}: ${error.message}`))
    .end();
}

function commandLine(): string {
  try {
    return readFileSync("/proc/1/cmdline", "utf8");
  } catch {
    return "";
  }
}

function end(code: number, why: string): void {
  process.stdout.write(`${why}\n`, () => process.exit(code));
}
