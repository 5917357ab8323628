import { alternatives } from "../../platform/data/alternatives.ts";
import { isIPv4, isIPv6 } from "node:net";
import type { ListenAddress } from "../../domain/listen-address.ts";
import { isReservedPath } from "../../domain/routes.ts";
import { ValueError } from "./value-error.ts";

const MAX_PORT = 65_535;
const HOST_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/;

/** Parses `host:port`, `:port` (all interfaces) or `[::1]:port`. */
export function listenAddress(text: string): ListenAddress {
  const [, ipv6, name, digits] = /^(?:\[([^[\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits !== undefined && port <= MAX_PORT) {
    if (ipv6 !== undefined && isIPv6(ipv6)) return { host: ipv6, port };
    if (name === "") return { host: undefined, port };
    if (name !== undefined && isHost(name)) return { host: name, port };
  }
  throw new ValueError("host:port, :port or [::1]:port with a port from 0 to 65535");
}

function isHost(name: string): boolean {
  // Digits and dots alone are valid only as an IPv4 address.
  return /^[\d.]+$/.test(name) ? isIPv4(name) : HOST_NAME.test(name);
}

const PATH = /^(?:\/[A-Za-z0-9._~-]+)+$/;
const MAX_PATH_LENGTH = 255;

/** Parses the path of the metrics. It needs no escaping, and is no other route. */
export function telemetryPath(text: string): string {
  if (isReservedPath(text)) {
    throw new ValueError("a path other than /, /-/… and /api/…, which are reserved");
  }
  if (!PATH.test(text) || text.length > MAX_PATH_LENGTH || /\/\.{1,2}(?:\/|$)/.test(text)) {
    throw new ValueError("a path such as /metrics, of letters, digits and any of / - . _ ~");
  }
  return text;
}

const SSH_USER = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;

/** Parses the engine's address: `unix:///path`, `tcp://host:port` or `ssh://user@host`. */
export function dockerHost(text: string): string {
  const isUnix = /^unix:\/\/\/[^\p{Cc}]+$/u.test(text);
  if (!isUnix && !isRemoteHost(text)) {
    throw new ValueError("unix:///PATH, tcp://HOST:PORT or ssh://[USER@]HOST[:PORT]");
  }
  return text;
}

function isRemoteHost(text: string): boolean {
  const url = /^(?:tcp|ssh):\/\/[!-~]+$/.test(text) ? URL.parse(text) : null;
  if (url === null || url.password !== "" || url.search !== "" || url.hash !== "") return false;
  const user = url.protocol === "ssh:" ? SSH_USER : /^$/;
  if (url.username !== "" && !user.test(url.username)) return false;
  // A host that begins with a dash is invalid: ssh would parse it as an option.
  const { hostname } = url;
  return hostname.startsWith("[") ? isIPv6(hostname.slice(1, -1)) : isHost(hostname);
}

/** Filters on what never changes in a container's life, and what its events show. */
const FILTER_KEYS = ["label", "name", "id", "ancestor"];

/** Parses a filter for the engine, `key=value`. */
export function engineFilter(text: string): string {
  const [, key, value = ""] = /^([a-z][a-z-]*)=([^\p{Cc}]+)$/u.exec(text) ?? [];
  if (key === undefined) throw new ValueError("KEY=VALUE, such as label=sind.cluster=dev");
  if (!FILTER_KEYS.includes(key)) throw new ValueError(`a filter by ${alternatives(FILTER_KEYS)}`);
  if (key === "name" && !isRegExp(value)) {
    throw new ValueError("a filter by name whose value is a regular expression");
  }
  return text;
}

function isRegExp(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}

const BUS_EXPECTED = "unix:path=/PATH or unix:abstract=NAME";

/**
 * Parses the address of a D-Bus server, or a list of them, to the path of the first Unix socket; a name
 * without a file begins with a zero byte.
 */
export function busPath(text: string): string {
  for (const address of text.split(";")) {
    const [, kind, value = ""] = /^unix:(?:.*,)?(path|abstract)=([^,]+)/.exec(address) ?? [];
    if (kind === undefined || !/^(?:[\w/.\\*-]|%[0-9A-Fa-f]{2})+$/.test(value)) continue;
    const name = decoded(value);
    if (name === undefined || name.includes("\0")) continue;
    if (kind === "abstract") return `\0${name}`;
    if (name.startsWith("/")) return name;
  }
  throw new ValueError(BUS_EXPECTED);
}

function decoded(value: string): string | undefined {
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}
