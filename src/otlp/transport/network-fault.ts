export type FaultReason = "connect" | "dns" | "network" | "protocol" | "reset" | "timeout" | "tls";

/** Reasons by codes and messages of Node.js, OpenSSL and grpc-js. */
const CODES: readonly (readonly [FaultReason, RegExp])[] = [
  ["dns", /\b(ENOTFOUND|EAI_[A-Z]+|Name resolution failed)\b/],
  ["timeout", /\bETIMEDOUT\b/],
  ["connect", /\b(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|EHOSTDOWN|ENOENT|EACCES)\b/],
  [
    "tls",
    /\b(ERR_TLS_\w+|ERR_SSL_\w+|ERR_OSSL_\w+|EPROTO|CERT_\w+|\w+_CERT|\w+_IN_CHAIN|UNABLE_TO_\w+|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED)\b|secure TLS connection|certificate|\bSSL\b/,
  ],
  ["protocol", /\b(HPE_\w+|ERR_HTTP2_\w+|Protocol error)\b/],
  ["reset", /\b(ECONNRESET|EPIPE|ECONNABORTED)\b|socket hang up|Connection dropped/],
];

/** Returns the short reason of a failed connection, by an error's code and message. */
export function faultReason(code: string, message: string): FaultReason {
  const found = [code, message].flatMap((text) =>
    CODES.filter(([, pattern]) => text !== "" && pattern.test(text)),
  );
  // `ECONNRESET` is also the code of a handshake that the endpoint aborted.
  const [first] = found;
  return first?.[0] === "reset" && found.some(([reason]) => reason === "tls")
    ? "tls"
    : (first?.[0] ?? "network");
}

export interface NetworkFault {
  readonly reason: FaultReason;
  readonly message: string;
}

export function networkFault(thrown: unknown): NetworkFault {
  const error: { readonly code?: unknown; readonly message?: unknown } =
    typeof thrown === "object" && thrown !== null ? thrown : { message: String(thrown) };
  const code = typeof error.code === "string" ? error.code : "";
  const message = typeof error.message === "string" ? error.message : "";
  return { reason: faultReason(code, message), message: message === "" ? code : message };
}
