#!/usr/bin/env node
/**
 * The image's HEALTHCHECK: exits 0 if the unitwatch that runs as process 1 of this container answers
 * at its first listen address, else 1. Reads the address from the flags of process 1 and from the
 * environment, which both processes share.
 */
import { readFileSync } from "node:fs";
import type { IncomingMessage, RequestOptions } from "node:http";
import { parseConfig } from "./config/parse-config.ts";
import { formatListenAddress } from "./domain/listen-address.ts";
import { ROUTES } from "./domain/routes.ts";

// An import would read all names of the module, one of which loads a WebSocket client of 8 MB.
const { request } = process.getBuiltinModule("node:http");
const TIMEOUT_MS = 4_000;

const [, command = ""] = /(?:^|\0)[^\0]*\bmain\.[jt]s\0(.*)$/s.exec(commandLine()) ?? [];
const parsed = parseConfig(command.split("\0").slice(0, -1), process.env);
const web = parsed.kind === "exit" ? undefined : parsed.config.web;
const address = web?.listenAddresses[0];
if (web === undefined || address === undefined) {
  end(1, "configuration of process 1 is invalid");
} else {
  // A wildcard address accepts connections, but none can be opened to it.
  const host = ["0.0.0.0", "::", undefined].includes(address.host) ? "localhost" : address.host;
  const place = `://${formatListenAddress({ ...address, host })}${ROUTES.healthy}`;
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  if (web.configFile === undefined) get(`http${place}`, { signal });
  else await getTls(place, signal);
}

function get(url: string, options: RequestOptions): void {
  request(url, { ...options, agent: false }, (response) => report(url, response))
    .on("error", (error) => end(1, `${url}: ${error.message}`))
    .end();
}

/** Tries TLS first: only the answer shows whether the file, which can change, configures it. */
async function getTls(place: string, signal: AbortSignal): Promise<void> {
  const { request: tlsRequest } = await import("node:https");
  const url = `https${place}`;
  let isSecure = false;
  // The loopback of this container is trusted without a certificate.
  const trust = {
    rejectUnauthorized: false,
    minVersion: "TLSv1",
    ciphers: "ALL:@SECLEVEL=0",
  } as const;
  tlsRequest(url, { ...trust, signal, agent: false }, (response) => report(url, response))
    .on("socket", (socket) => socket.once("secureConnect", () => (isSecure = true)))
    .on("error", (error: NodeJS.ErrnoException) => {
      if (isSecure && error.code === "ECONNRESET") {
        end(0, `${url} requires a client certificate`);
      } else if (error.code === "EPROTO" && !isSecure) {
        // The server speaks plain HTTP, or neither.
        get(`http${place}`, { signal });
      } else {
        end(1, `${url}: ${error.message}`);
      }
    })
    .end();
}

function report(url: string, response: IncomingMessage): void {
  const { statusCode } = response;
  response.destroy();
  end(statusCode === 200 ? 0 : 1, `${url} answers ${statusCode}`);
}

function commandLine(): string {
  try {
    return readFileSync("/proc/1/cmdline", "utf8");
  } catch {
    return "";
  }
}

/** The first end counts. No open connection keeps the process alive. */
function end(code: number, why: string): void {
  if (process.exitCode !== undefined) return;
  process.exitCode = code;
  process.stdout.write(`${why}\n`);
}
