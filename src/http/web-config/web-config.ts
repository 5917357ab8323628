import type { SecureContextOptions } from "node:tls";

/** Types of client authentication: https://pkg.go.dev/crypto/tls#ClientAuthType */
export const CLIENT_AUTH_TYPES = [
  "NoClientCert",
  "RequestClientCert",
  "RequireAnyClientCert",
  "VerifyClientCertIfGiven",
  "RequireAndVerifyClientCert",
] as const;
export type ClientAuthType = (typeof CLIENT_AUTH_TYPES)[number];

/** TLS of the server. */
export interface ServerTls {
  /** Certificate, key, versions, ciphers and curves: a valid secure context. */
  readonly context: SecureContextOptions;
  readonly clientAuth: ClientAuthType;
  /** Names (DNS, IP, e-mail, URI) of which a client's certificate needs one; undefined for any. */
  readonly clientAllowedSans: ReadonlySet<string> | undefined;
}

/** Requests of all clients together: `burst` at once, then one each `intervalMs`. */
export interface RateLimit {
  /** More than 0. */
  readonly intervalMs: number;
  /** At least 1. */
  readonly burst: number;
}

/** A valid web configuration file, with the contents of the files that it names. */
export interface WebConfig {
  /** Undefined for plain HTTP. */
  readonly tls: ServerTls | undefined;
  /** True if clients with TLS may negotiate HTTP/2. */
  readonly http2: boolean;
  /** Headers of all responses, in place of their own; an empty value removes the header. */
  readonly headers: ReadonlyMap<string, string>;
  /** Names, and bcrypt hashes of their passwords; empty if no login is required. */
  readonly users: ReadonlyMap<string, string>;
  readonly rateLimit: RateLimit | undefined;
}

/** Reports an invalid web configuration. The message is one line with the reason, without secrets. */
export class WebConfigError extends Error {
  override name = "WebConfigError";
}
