import { clipped, quoted } from "../../platform/data/escape.ts";

const MAX_LENGTH = 300;
const REDACTED = "[redacted]";
/** Shorter ones, such as a tenant's name, would hide half of every message. */
const MIN_SECRET_LENGTH = 6;

/** Makes text from the endpoint fit for a log: bounded, on one line, without the headers' values. */
export type Tell = (text: string) => string;

export function teller(headers: readonly (readonly [name: string, value: string])[]): Tell {
  // Of `Bearer SECRET`, the second word alone is a secret as well.
  const secrets = headers
    .flatMap(([, value]) => [value, ...value.split(/\s+/).slice(1)])
    .filter((secret) => secret.length >= MIN_SECRET_LENGTH);
  return (text) => {
    let shown = text.trim();
    for (const secret of secrets) shown = shown.replaceAll(secret, REDACTED);
    return shown === "" ? "" : quoted(clipped(shown, MAX_LENGTH));
  };
}
