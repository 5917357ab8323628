import { isIPv6 } from "node:net";

/** `DNS:a, IP Address:0:0:0:0:0:0:0:1, URI:"a, b"`: what could be misread is a JSON string. */
const ENTRY = /(?:^|, )([^:,"]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?=, |$)/gy;
const TYPES = new Set(["DNS", "IP Address", "URI", "email"]);

/**
 * DNS names, IP addresses, URIs and e-mail addresses of a certificate, from the text that
 * `X509Certificate.subjectAltName` is. Ends at what it doesn't understand.
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

/** An IPv6 address in its short form; anything else as it is. */
export function canonicalSan(name: string): string {
  return isIPv6(name) ? new URL(`http://[${name}]`).hostname.slice(1, -1) : name;
}
