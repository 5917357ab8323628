import type { IncomingHttpHeaders } from "node:http";
import type { EngineName } from "../../domain/runtime.ts";
import type { EngineAddress } from "./engine-http.ts";

/** `Docker/20.10.24 (linux)`, `Libpod/4.3.1 (linux)`. */
const SERVER = /^([A-Za-z]{1,32})\/([\w.+~-]{1,64})(?: |$)/;

/** What the answer to a ping says of who gave it; a version that it doesn't tell is undefined. */
export function engineOf(headers: IncomingHttpHeaders): {
  readonly name: EngineName;
  readonly version: string | undefined;
} {
  const server = String(headers["server"] ?? "");
  const [, , version] = SERVER.exec(server) ?? [];
  return { name: /^Libpod\b/i.test(server) ? "podman" : "docker", version };
}

/** An address as DOCKER_HOST has it. */
export function urlOf(address: EngineAddress): string {
  if ("socketPath" in address) return `unix://${address.socketPath}`;
  const { host, port } = address;
  return `tcp://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** An address as DOCKER_HOST has it, without a user or a path that leads nowhere. */
export function placeOf(url: string): string {
  return url.replace(/^((?!unix:)[a-z]+:\/\/)(?:[^/]*@)?([^/]*).*$/, "$1$2");
}
