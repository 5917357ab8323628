import type { Agent, RequestOptions } from "node:http";
import { urlToHttpOptions } from "node:url";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { OtlpSignal } from "../../domain/otlp.ts";
import type { OtlpEndpoint } from "../protocol/endpoint.ts";
import { exchange, ExchangeError } from "./http-exchange.ts";
import type { HttpAnswer } from "./http-exchange.ts";
import { httpOutcome } from "./http-outcome.ts";
import { InFlight } from "./in-flight.ts";
import type { SendLimit } from "./in-flight.ts";
import { networkFault } from "./network-fault.ts";
import { ProtobufError } from "../../platform/data/protobuf-reader.ts";
import type { OtlpSender, SendOutcome } from "./sender.ts";
import { redactor } from "../protocol/redact.ts";
import type { Redact } from "../protocol/redact.ts";
import type { TlsFiles } from "./tls-files.ts";

/** Largest body before compression, as the protocol recommends. */
const MAX_BODY_BYTES = 20 * 1024 * 1024;
/** Idle connections that are kept. */
const MAX_KEPT = 4;

const compress = promisify(gzip);

export interface HttpSenderOptions {
  readonly endpoint: OtlpEndpoint;
  readonly signal: OtlpSignal;
  /** Undefined for plain text. */
  readonly tls: TlsFiles | undefined;
  /**
   * Returns the body for the protobuf bytes of a request, undefined if it would be larger than
   * `maxBytes`. Default: the bytes themselves.
   *
   * @throws ProtobufError if the bytes aren't a request
   */
  readonly json?: (request: Uint8Array, maxBytes: number) => Promise<Uint8Array | undefined>;
}

/** Sends over OTLP/HTTP, on kept connections. */
export class HttpSender implements OtlpSender {
  readonly #options: HttpSenderOptions;
  readonly #url: RequestOptions;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #redact: Redact;
  readonly #inFlight = new InFlight();
  #agent: Agent;

  constructor(options: HttpSenderOptions) {
    const { endpoint, json } = options;
    this.#options = options;
    this.#redact = redactor(endpoint.headers);
    this.#agent = this.#openAgent();
    this.#url = urlToHttpOptions(new URL(endpoint.url));
    this.#headers = {
      "user-agent": endpoint.userAgent ?? "unitwatch",
      ...Object.fromEntries(endpoint.headers),
      "content-type": json === undefined ? "application/x-protobuf" : "application/json",
      ...(endpoint.compression === "gzip" ? { "content-encoding": "gzip" } : {}),
    };
  }

  send(request: Uint8Array, signal: AbortSignal): Promise<SendOutcome> {
    const { timeoutMs } = this.#options.endpoint;
    return this.#inFlight.run(timeoutMs, signal, (limit) => this.#send(request, limit));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inFlight[Symbol.asyncDispose]();
    this.#agent.destroy();
  }

  async #send(request: Uint8Array, limit: SendLimit): Promise<SendOutcome> {
    try {
      const body = await this.#encode(request);
      if (body === undefined) {
        const message = `the request is larger than ${MAX_BODY_BYTES} bytes`;
        return { kind: "too-large", reason: "size", message };
      }
      const before = limit.ended();
      if (before !== undefined) return before;
      const answer = await this.#post(body, limit.signal);
      const ended = limit.ended();
      // The status of a rejection suffices, without the body.
      if (ended !== undefined && answer.end === "cut" && answer.status < 300) return ended;
      return httpOutcome(answer, {
        signal: this.#options.signal,
        encoding: this.#options.json === undefined ? "protobuf" : "json",
        redact: this.#redact,
        nowMs: Date.now(),
      });
    } catch (error) {
      const ended = limit.ended();
      if (ended !== undefined) return ended;
      if (error instanceof ProtobufError) {
        const message = `the request cannot be written as JSON: ${error.message}`;
        return { kind: "rejected", reason: "malformed", message };
      }
      const fault = networkFault(error instanceof ExchangeError ? error.cause : error);
      if (fault.reason === "tls" || fault.reason === "reset") await this.#renewTls();
      return { kind: "retry", ...fault, message: this.#redact(fault.message), afterMs: undefined };
    }
  }

  async #encode(request: Uint8Array): Promise<Uint8Array | undefined> {
    const { json, endpoint } = this.#options;
    if (request.length > MAX_BODY_BYTES) return undefined;
    const body = json === undefined ? request : await json(request, MAX_BODY_BYTES);
    return body === undefined || endpoint.compression === "none" ? body : compress(body);
  }

  /** Posts again if the endpoint closed a kept connection while the request was sent. */
  async #post(body: Uint8Array, signal: AbortSignal): Promise<HttpAnswer> {
    const options: RequestOptions = {
      ...this.#url,
      headers: { ...this.#headers, "content-length": body.length },
    };
    try {
      return await exchange({ ...options, agent: this.#agent }, body, signal);
    } catch (error) {
      if (!(error instanceof ExchangeError && error.isStale) || signal.aborted) throw error;
      this.#reopen();
      return exchange({ ...options, agent: this.#agent }, body, signal);
    }
  }

  /** Loads renewed certificates, after the old ones have failed. */
  async #renewTls(): Promise<void> {
    if ((await this.#options.tls?.renew()) === true) this.#reopen();
  }

  /** Closes the idle connections; requests in flight go on. */
  #reopen(): void {
    this.#agent.maxFreeSockets = 0;
    for (const sockets of Object.values(this.#agent.freeSockets)) {
      for (const socket of sockets ?? []) socket.destroy();
    }
    this.#agent = this.#openAgent();
  }

  #openAgent(): Agent {
    const pool = { keepAlive: true, maxFreeSockets: MAX_KEPT };
    const { tls } = this.#options;
    if (tls === undefined) return new (process.getBuiltinModule("node:http").Agent)(pool);
    const { ca, key, cert } = tls.material;
    return new (process.getBuiltinModule("node:https").Agent)({
      ...pool,
      ...(ca === undefined ? {} : { ca }),
      ...(key === undefined || cert === undefined ? {} : { key, cert }),
    });
  }
}
