import {
  Client,
  compressionAlgorithms,
  connectivityState,
  credentials,
  Metadata,
  status,
} from "@grpc/grpc-js";
import { GRPC_OPTIONS } from "../../platform/data/grpc-options.ts";
import type { ChannelOptions, ServiceError } from "@grpc/grpc-js";
import type { OtlpSignal } from "../../domain/otlp.ts";
import type { OtlpEndpoint } from "../protocol/endpoint.ts";
import { readExportResponse } from "../protocol/export-response.ts";
import { grpcOutcome } from "./grpc-outcome.ts";
import { InFlight } from "./in-flight.ts";
import type { SendLimit } from "./in-flight.ts";
import { networkFault } from "./network-fault.ts";
import type { OtlpSender, SendOutcome } from "./sender.ts";
import { redactor } from "../protocol/redact.ts";
import type { Redact } from "../protocol/redact.ts";
import type { TlsFiles } from "./tls-files.ts";

/** Largest request before compression, as servers accept by default. */
const MAX_REQUEST_BYTES = 4 * 1024 * 1024;
/** Longest response that is read: usual ones have a few hundred bytes. */
const MAX_RESPONSE_BYTES = 64 * 1024;
const STATUS_DETAILS = "grpc-status-details-bin";

const METHODS: Readonly<Record<OtlpSignal, string>> = {
  logs: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
  metrics: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
};

export interface GrpcSenderOptions {
  readonly endpoint: OtlpEndpoint;
  readonly signal: OtlpSignal;
  /** Undefined for plain text. */
  readonly tls: TlsFiles | undefined;
}

type Called = { readonly response: Buffer } | { readonly error: ServiceError };

/**
 * Sends over OTLP/gRPC, on one connection. Closes a connection that fails: the next request opens
 * another at once, with the certificates of that time. The caller decides when.
 */
export class GrpcSender implements OtlpSender {
  readonly #options: GrpcSenderOptions;
  readonly #redact: Redact;
  readonly #metadata: Metadata;
  readonly #inFlight = new InFlight();
  #client: Client | undefined;

  /** @throws if a header can't be sent over gRPC */
  constructor(options: GrpcSenderOptions) {
    this.#options = options;
    this.#redact = redactor(options.endpoint.headers);
    this.#metadata = metadataOf(options.endpoint.headers);
  }

  send(request: Uint8Array, signal: AbortSignal): Promise<SendOutcome> {
    const { timeoutMs } = this.#options.endpoint;
    return this.#inFlight.run(timeoutMs, signal, (limit) => this.#send(request, limit));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inFlight[Symbol.asyncDispose]();
    this.#client?.close();
    this.#client = undefined;
  }

  async #send(request: Uint8Array, limit: SendLimit): Promise<SendOutcome> {
    const before = limit.ended();
    if (before !== undefined) return before;
    if (request.length > MAX_REQUEST_BYTES) {
      const message = `the request is larger than ${MAX_REQUEST_BYTES} bytes`;
      return { kind: "too-large", reason: "size", message };
    }
    try {
      const client = (this.#client ??= this.#open());
      const called = await this.#call(client, request, limit);
      if ("response" in called) return this.#accepted(called.response);
      return await this.#failed(client, called.error, limit);
    } catch (error) {
      const { reason, message } = networkFault(error);
      return { kind: "retry", reason, message: this.#redact(message), afterMs: undefined };
    }
  }

  async #failed(client: Client, error: ServiceError, limit: SendLimit): Promise<SendOutcome> {
    const { code, details, metadata } = error;
    const isReady = client.getChannel().getConnectivityState(false) === connectivityState.READY;
    const ended = limit.ended();
    const isLate = code === status.DEADLINE_EXCEEDED || ended !== undefined;
    if (!isReady || isLate) await this.#closeFailed(client);
    if (ended !== undefined) return ended;
    if (isOwnBound(error)) {
      const message = `the endpoint's answer is larger than ${MAX_RESPONSE_BYTES} bytes`;
      return { kind: "rejected", reason: "protocol", message };
    }
    const [bytes] = metadata.get(STATUS_DETAILS);
    const statusDetails = typeof bytes === "string" ? undefined : bytes;
    const failure = { code, details, status: statusDetails, isUnconnected: !isReady };
    return grpcOutcome(failure, this.#redact);
  }

  #accepted(response: Buffer): SendOutcome {
    const read = readExportResponse(response, "protobuf", this.#options.signal);
    return read === undefined
      ? {
          kind: "accepted",
          rejected: 0,
          message: "the endpoint's answer is not OTLP",
        }
      : { kind: "accepted", rejected: read.rejected, message: this.#redact(read.message) };
  }

  #call(client: Client, request: Uint8Array, limit: SendLimit): Promise<Called> {
    const { promise, resolve } = Promise.withResolvers<Called>();
    const { endpoint, signal } = this.#options;
    const call = client.makeUnaryRequest(
      METHODS[signal],
      (message: Uint8Array) => Buffer.from(message.buffer, message.byteOffset, message.length),
      (message: Buffer) => message,
      request,
      this.#metadata.clone(),
      { deadline: Date.now() + endpoint.timeoutMs },
      (error, response) => resolve(error === null ? { response: response as Buffer } : { error }),
    );
    const cancel = (): void => call.cancel();
    limit.signal.addEventListener("abort", cancel, { once: true });
    return promise;
  }

  async #closeFailed(client: Client): Promise<void> {
    if (this.#client === client) {
      client.close();
      this.#client = undefined;
    }
    await this.#options.tls?.renew();
  }

  #open(): Client {
    const { endpoint, tls } = this.#options;
    const url = new URL(endpoint.url);
    const userAgent = new Map(endpoint.headers).get("user-agent") ?? endpoint.userAgent;
    const options: ChannelOptions = {
      ...GRPC_OPTIONS,
      "grpc.primary_user_agent": userAgent ?? "unitwatch",
      "grpc.default_compression_algorithm":
        endpoint.compression === "gzip"
          ? compressionAlgorithms.gzip
          : compressionAlgorithms.identity,
      "grpc.max_receive_message_length": MAX_RESPONSE_BYTES,
    };
    const port = url.port === "" ? (tls === undefined ? 80 : 443) : url.port;
    return new Client(`dns:${url.hostname}:${port}`, credentialsOf(tls), options);
  }
}

function credentialsOf(tls: TlsFiles | undefined): ReturnType<typeof credentials.createSsl> {
  if (tls === undefined) return credentials.createInsecure();
  const { ca, key, cert } = tls.material;
  return key === undefined || cert === undefined
    ? credentials.createSsl(ca ?? null)
    : credentials.createSsl(ca ?? null, key, cert);
}

function metadataOf(headers: OtlpEndpoint["headers"]): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of headers) {
    if (name === "user-agent") continue;
    const isBinary = name.endsWith("-bin");
    if (!/^[0-9a-z_.-]+$/.test(name) || (!isBinary && !/^[ -~]*$/.test(value))) {
      throw new Error(`the header ${name}, or its value, can't be sent over gRPC`);
    }
    metadata.set(name, isBinary ? Buffer.from(value, "base64") : value);
  }
  return metadata;
}

/** Returns whether our own bound caused the error, which has the code of the endpoint's bound too. */
function isOwnBound({ code, details }: ServiceError): boolean {
  return code === status.RESOURCE_EXHAUSTED && details.includes(String(MAX_RESPONSE_BYTES));
}
