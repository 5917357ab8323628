#!/usr/bin/env node
/**
 * The image's HEALTHCHECK: exits 0 where the unitwatch that is process 1 of this container answers
 * on its first address, else 1. It reads that from the flags of process 1 and from the environment,
 * which is the container's for both.
 */
import { readFileSync } from "node:fs";
import type { IncomingMessage, RequestOptions } from "node:http";
import { parseConfig } from "./config/parse-config.ts";
import { formatListenAddress } from "./domain/listen-address.ts";
import { ROUTES } from "./domain/routes.ts";

// Imported as a module, its names are all read, and one of them loads 8 MB: a WebSocket client.
const { request } = process.getBuiltinModule("node:http");
const LIMIT_MS = 4_000;

const [, command = ""] = /(?:^|\0)[^\0]*\bmain\.[jt]s\0(.*)$/s.exec(commandLine()) ?? [];
const parsed = parseConfig(command.split("\0").slice(0, -1), process.env);
const web = parsed.kind === "exit" ? undefined : parsed.config.web;
const address = web?.listenAddresses[0];
if (web === undefined || address === undefined) {
  end(1, "unitwatch is set up wrongly");
} else {
  // A wildcard is no address to connect to.
  const host = ["0.0.0.0", "::", undefined].includes(address.host) ? "localhost" : address.host;
  const place = `://${formatListenAddress({ ...address, host })}${ROUTES.healthy}`;
  const signal = AbortSignal.timeout(LIMIT_MS);
  if (web.configFile === undefined) ask(`http${place}`, { signal });
  else await askTls(place, signal);
}

function ask(url: string, options: RequestOptions): void {
  request(url, options, (response) => tell(url, response))
    .on("error", (error) => end(1, `${url}: ${error.message}`))
    .end();
}

/** The file needn't have asked for TLS, nor be what it was when it was read: the answer tells. */
async function askTls(place: string, signal: AbortSignal): Promise<void> {
  const { request: tlsRequest } = await import("node:https");
  const url = `https${place}`;
  let isAgreed = false;
  // Who answers on this container's own loopback needs no certificate to be believed.
  const trust = {
    rejectUnauthorized: false,
    minVersion: "TLSv1",
    ciphers: "ALL:@SECLEVEL=0",
  } as const;
  tlsRequest(url, { ...trust, signal }, (response) => tell(url, response))
    .on("socket", (socket) => socket.once("secureConnect", () => (isAgreed = true)))
    .on("error", (error: NodeJS.ErrnoException) => {
      if (isAgreed && error.code === "ECONNRESET") {
        end(0, `${url} asks for a client certificate`);
      } else if (error.code === "EPROTO" && !isAgreed) {
        // It speaks plain HTTP, or something that plain HTTP will not be answered by either.
        ask(`http${place}`, { signal });
      } else {
        end(1, `${url}: ${error.message}`);
      }
    })
    .end();
}

function tell(url: string, { statusCode }: IncomingMessage): void {
  end(statusCode === 200 ? 0 : 1, `${url} answers ${statusCode}`);
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
