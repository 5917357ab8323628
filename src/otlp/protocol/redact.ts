import { clipped, quoted } from "../../platform/data/escape.ts";

const MAX_CHARS = 300;
const REDACTED = "[redacted]";
/** Shorter values, such as a tenant's name, would hide half of every message. */
const MIN_SECRET_CHARS = 6;

/** Makes text from the endpoint fit for a log: bounded, on one line, without the headers' values. */
export type Redact = (text: string) => string;

export function redactor(headers: readonly (readonly [name: string, value: string])[]): Redact {
  // The second word of `Bearer SECRET` is a secret by itself.
  const secrets = headers
    .flatMap(([, value]) => [value, ...value.split(/\s+/).slice(1)])
    .filter((secret) => secret.length >= MIN_SECRET_CHARS);
  return (text) => {
    let shown = text.trim();
    for (const secret of secrets) shown = shown.replaceAll(secret, REDACTED);
    return shown === "" ? "" : quoted(clipped(shown, MAX_CHARS));
  };
}
