/**
 * Wire formats of OTLP: protobuf reader and writer, the schema and the JSON transcoder, responses and
 * statuses. It imports domain and platform, and does no I/O. Whatever bytes an endpoint sends, reading
 * them ends with a value or a ProtobufError.
 */
import type { OtlpProtocol } from "../../domain/otlp.ts";
import type { TlsFileNames } from "../../platform/data/read-tls.ts";

/** Address and protocol for the requests of one signal. */
export interface OtlpEndpoint {
  /** http(s); the whole URL to post to over HTTP. gRPC ignores its path. */
  readonly url: string;
  readonly protocol: OtlpProtocol;
  /** Names in lower case. Values are secrets. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Limit of one request, from its start to the end of the response. */
  readonly timeoutMs: number;
  readonly compression: "gzip" | "none";
  readonly tls: TlsFileNames;
  /** Overridden by a header `user-agent`. */
  readonly userAgent?: string;
}
