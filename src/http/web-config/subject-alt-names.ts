import { isIPv6 } from "node:net";

/** `DNS:a, IP Address:0:0:0:0:0:0:0:1, URI:"a, b"`: an ambiguous value is a JSON string. */
const ENTRY = /(?:^|, )([^:,"]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?=, |$)/gy;
const TYPES = new Set(["DNS", "IP Address", "URI", "email"]);

/**
 * Returns the DNS names, IP addresses, URIs and e-mail addresses in the text of
 * `X509Certificate.subjectAltName`. Stops at the first entry that it can't parse.
 */
export function subjectAltNames(text: string | undefined): readonly string[] {
  const names: string[] = [];
  for (const [, type = "", value = ""] of (text ?? "").matchAll(ENTRY)) {
    if (!TYPES.has(type)) continue;
    const name = value.startsWith('"') ? (JSON.parse(value) as string) : value;
    names.push(type === "IP Address" ? canonicalSan(name) : name);
  }
  return names;
}

/** Returns the short form of an IPv6 address, and any other name unchanged. */
export function canonicalSan(name: string): string {
  return isIPv6(name) ? new URL(`http://[${name}]`).hostname.slice(1, -1) : name;
}
