import type { SecureContextOptions } from "node:tls";

/** When a client has to show a certificate: https://pkg.go.dev/crypto/tls#ClientAuthType */
export const CLIENT_AUTH_TYPES = [
  "NoClientCert",
  "RequestClientCert",
  "RequireAnyClientCert",
  "VerifyClientCertIfGiven",
  "RequireAndVerifyClientCert",
] as const;
export type ClientAuthType = (typeof CLIENT_AUTH_TYPES)[number];

/** How TLS is spoken. */
export interface ServerTls {
  /** Certificate, key and what may be negotiated; it makes a secure context. */
  readonly context: SecureContextOptions;
  readonly clientAuth: ClientAuthType;
  /** Names (DNS, IP, e-mail, URI) of which a client's certificate needs one; undefined: any will do. */
  readonly clientAllowedSans: ReadonlySet<string> | undefined;
}

/** Requests, whoever makes them: `burst` at once, then one each `intervalMs`. */
export interface RateLimit {
  /** More than 0. */
  readonly intervalMs: number;
  /** At least 1. */
  readonly burst: number;
}

/** What a web configuration file says, checked, with what is in the files that it names. */
export interface WebConfig {
  /** Undefined: plain HTTP. */
  readonly tls: ServerTls | undefined;
  /** Whether clients that speak TLS may choose HTTP/2. */
  readonly http2: boolean;
  /** For all responses, instead of what they'd have; an empty value leaves the header out. */
  readonly headers: ReadonlyMap<string, string>;
  /** Names, and bcrypt hashes of their passwords; none: everybody may ask. */
  readonly users: ReadonlyMap<string, string>;
  readonly rateLimit: RateLimit | undefined;
}

/** A web configuration can't be used; the message is one line that says why, without any secret. */
export class WebConfigError extends Error {
  override name = "WebConfigError";
}
