import type { OtlpProtocol } from "../../domain/otlp.ts";

/** Paths of PEM files; undefined: the system's trust, no client certificate. */
export interface OtlpTlsFiles {
  readonly caFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly certFile: string | undefined;
}

/** Where and how requests of one signal are sent. */
export interface OtlpEndpoint {
  /** http(s); the whole URL to post to over HTTP. Over gRPC its path counts for nothing. */
  readonly url: string;
  readonly protocol: OtlpProtocol;
  /** Names in lower case. They are secrets. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** For one request, from the beginning to the end of its answer. */
  readonly timeoutMs: number;
  readonly compression: "gzip" | "none";
  readonly tls: OtlpTlsFiles;
  /** Names the program to the endpoint; a header `user-agent` wins. */
  readonly userAgent?: string;
}
