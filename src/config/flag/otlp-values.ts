import { inspect } from "node:util";
import { ValueError } from "./value-error.ts";
import type { Parse } from "./value-error.ts";

/** Names and values in the order of the text. */
export type Pairs = readonly (readonly [name: string, value: string])[];

/**
 * Parses `key1=value1,key2=value2` with percent-encoded values, the format of W3C Baggage. The last
 * value of a repeated key counts.
 */
export function keyValueList(text: string): Pairs {
  const pairs = new Map<string, string>();
  for (const item of text.split(",")) {
    const trimmed = item.trim();
    if (trimmed === "") continue;
    const at = trimmed.indexOf("=");
    const key = decoded(trimmed.slice(0, Math.max(at, 0)).trim());
    const value = decoded(trimmed.slice(at + 1).trim());
    if (key === undefined || key === "" || value === undefined) {
      throw new ValueError("key1=value1,key2=value2 with values percent-encoded");
    }
    pairs.set(key, value);
  }
  return [...pairs];
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Bounds on attributes, because every request repeats them. */
const MAX_ATTRIBUTES = 128;
const MAX_ATTRIBUTE_CHARS = 1_024;

/** Parses the attributes of the resource from a {@link keyValueList}. */
export function resourceAttributes(text: string): Pairs {
  const pairs = keyValueList(text);
  if (pairs.length > MAX_ATTRIBUTES) throw new ValueError(`at most ${MAX_ATTRIBUTES} attributes`);
  if (pairs.some(([key, value]) => Math.max(key.length, value.length) > MAX_ATTRIBUTE_CHARS)) {
    throw new ValueError(`names and values of at most ${MAX_ATTRIBUTE_CHARS} characters`);
  }
  return pairs;
}

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const HEADER_VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/;
/** Headers that each request sets itself. */
const OWN_HEADERS = new Set([
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "transfer-encoding",
]);

/** Parses headers from a {@link keyValueList}, names in lower case. Inspecting the result shows no values. */
export function otlpHeaders(text: string): Pairs {
  const headers = new Map<string, string>();
  for (const [key, value] of keyValueList(text)) {
    const name = key.toLowerCase();
    if (!HEADER_NAME.test(name)) throw new ValueError("valid names of HTTP headers");
    if (OWN_HEADERS.has(name))
      throw new ValueError(`headers other than ${name}, which unitwatch sets`);
    if (!HEADER_VALUE.test(value)) throw new ValueError(`a valid value of header ${name}`);
    headers.set(name, value);
  }
  return hidden([...headers]);
}

/** Makes JSON and util.inspect print a placeholder for the array. */
function hidden(pairs: Pairs): Pairs {
  const placeholder = { value: () => "[redacted]" };
  return Object.defineProperties(pairs, { toJSON: placeholder, [inspect.custom]: placeholder });
}

/** Returns a parser of endpoints that appends `path` to the URL; "" appends nothing. */
export function httpSignalUrl(path: string): Parse<string> {
  return (text) => {
    const url = /^https?:\/\/[!-~]+$/i.test(text) ? URL.parse(text) : null;
    if (url === null) throw new ValueError("a URL with http:// or https://");
    if (url.username !== "" || url.password !== "") {
      throw new ValueError("a URL without user name and password (use the headers)");
    }
    if (path !== "") url.pathname = `${url.pathname.replace(/\/$/, "")}/${path}`;
    return url.href;
  };
}

/** A gRPC target: `host`, `host:port` or `[::1]:port`. */
const GRPC_TARGET = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

/** Returns a parser of gRPC endpoints: a URL, or a target without a scheme, which gets `scheme`. */
export function grpcUrl(scheme: "http" | "https"): Parse<string> {
  return (text) => {
    if (/^https?:/i.test(text)) return httpSignalUrl("")(text);
    const url = GRPC_TARGET.test(text) ? URL.parse(`${scheme}://${text}`) : null;
    if (url === null) throw new ValueError("host:port, or a URL with http:// or https://");
    return url.href;
  };
}

const MAX_TIMER_MS = 2 ** 31 - 1;

/** Returns a parser of whole milliseconds, at least `min`. Values beyond the longest timer become that. */
export function milliseconds(min: number): Parse<number> {
  return (text) => {
    const ms = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (ms >= min) return Math.min(ms, MAX_TIMER_MS);
    const least = min > 0 ? `, at least ${min}` : "";
    throw new ValueError(`a whole number of milliseconds${least}`);
  };
}

/** Parses milliseconds. 0 means no limit, as in the specification, and becomes the longest timer. */
export function timeoutMs(text: string): number {
  const ms = milliseconds(0)(text);
  return ms === 0 ? MAX_TIMER_MS : ms;
}
