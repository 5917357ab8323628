import type { IncomingHttpHeaders } from "node:http";
import type { EngineName } from "../../domain/runtime.ts";
import type { EngineAddress } from "./engine-http.ts";

/** `Docker/20.10.24 (linux)`, `Libpod/4.3.1 (linux)`. */
const SERVER = /^([A-Za-z]{1,32})\/([\w.+~-]{1,64})(?: |$)/;

/** Reads the engine's name and version from the headers of a ping's answer. */
export function engineOf(headers: IncomingHttpHeaders): {
  readonly name: EngineName;
  readonly version: string | undefined;
  /** False if a proxy may hide which engine it is. */
  readonly isCertain: boolean;
} {
  const server = String(headers["server"] ?? "");
  const [, , version] = SERVER.exec(server) ?? [];
  const isPodman = /^Libpod\b/i.test(server);
  return {
    name: isPodman ? "podman" : "docker",
    version,
    isCertain: isPodman || server.startsWith("Docker/"),
  };
}

/** Returns an address in the form of DOCKER_HOST. */
export function urlOf(address: EngineAddress): string {
  if ("socketPath" in address) return `unix://${address.socketPath}`;
  const { host, port } = address;
  return `tcp://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Strips the user and the path from an address in the form of DOCKER_HOST, for display. */
export function displayAddress(url: string): string {
  return url.replace(/^((?!unix:)[a-z]+:\/\/)(?:[^/]*@)?([^/]*).*$/, "$1$2");
}
