import { parseJsonObject } from "../../platform/data/json.ts";
import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import type * as tls from "node:https";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import type { TlsMaterial } from "../../platform/data/tls-material.ts";

// An import as a module reads all its names, and one of them loads 8 MB: a WebSocket client.
const { Agent: PlainAgent, request: httpRequest } = process.getBuiltinModule("node:http");

/** The engine answered with a status other than 2xx. */
export class EngineError extends Error {
  override readonly name = "EngineError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** No connection to the engine's address. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
}

/** Address of an engine. */
export type EngineAddress =
  | { readonly socketPath: string }
  | { readonly host: string; readonly port: number; readonly tls: TlsMaterial | undefined };

export interface EngineLimits {
  /** Silence allowed while an answer is pending. Default 30 s. */
  readonly idleMs?: number;
  /** Time allowed for an answer that isn't endless. Default 2 minutes. */
  readonly limitMs?: number;
}

export interface EngineRequest {
  readonly method?: "GET" | "POST";
  /** With query, without the version. */
  readonly path: string;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
  /** Part of the answer without a time limit; the caller checks that the engine is alive. */
  readonly endless?: "body" | "all";
  /** Time allowed for the whole answer, or for the part that isn't endless. */
  readonly limitMs?: number;
}

/** Idle connections kept for requests; streams have their own. */
const MAX_KEPT = 4;
const MAX_CONNECTIONS = 16;
const MAX_ERROR_BYTES = 16 * 1024;
const KEEP_ALIVE_MS = 30_000;
const IDLE_MS = 30_000;
const LIMIT_MS = 120_000;

/** The HTTP client of the engine's API, over a unix or TCP socket, on Node's own client. */
export class EngineHttp {
  readonly #agent: Agent | tls.Agent;
  readonly #options: RequestOptions;
  readonly #isTls: boolean;
  readonly #idleMs: number;
  readonly #limitMs: number;
  /** Requests without an end yet, and upgraded connections. */
  readonly #open = new Set<Duplex | ClientRequest>();
  #isClosed = false;

  constructor(address: EngineAddress, limits: EngineLimits = {}) {
    this.#idleMs = limits.idleMs ?? IDLE_MS;
    this.#limitMs = limits.limitMs ?? LIMIT_MS;
    const pool = { keepAlive: true, maxSockets: MAX_CONNECTIONS, maxFreeSockets: MAX_KEPT };
    const tls = "host" in address ? address.tls : undefined;
    this.#isTls = tls !== undefined;
    this.#agent = tls === undefined ? new PlainAgent(pool) : new (https().Agent)(pool);
    this.#options = {
      ...("host" in address ? { host: address.host, port: address.port } : address),
      ...(tls === undefined ? {} : { ...defined(tls), servername: serverName(address) }),
    };
  }

  /** Cuts all connections. Later requests fail. */
  close(): void {
    this.#isClosed = true;
    for (const each of this.#open) each.destroy(closedError());
    this.#agent.destroy();
  }

  /**
   * Sends a request and reads the whole answer as JSON; undefined if it is empty.
   *
   * @throws EngineError for a status other than 2xx
   */
  async json(request: EngineRequest, maxBytes: number): Promise<unknown> {
    const response = await this.open(request);
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) {
        response.destroy();
        throw new Error(`the answer to ${request.path} is larger than ${maxBytes} bytes`);
      }
      chunks.push(chunk);
    }
    const text = Buffer.concat(chunks).toString("utf8");
    return text.trim() === "" ? undefined : (JSON.parse(text) as unknown);
  }

  /** Sends a request and returns the answer as a stream. */
  async open(request: EngineRequest): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const outgoing = this.#request(request, {});
    let answer: IncomingMessage | undefined;
    outgoing.once("response", (response) => {
      answer = response;
      if (request.endless !== undefined) outgoing.setTimeout(0);
      resolve(response);
    });
    outgoing.once("error", (error) => reject(this.#unreachable(error)));
    // An upgrade that wasn't requested ends the connection without another event.
    outgoing.once("close", () => reject(this.#timedOut(request)));
    if (request.endless !== "all") {
      const cancel = (): void => void (answer ?? outgoing).destroy(this.#timedOut(request));
      outgoing.setTimeout(this.#idleMs, cancel);
      // A peer that trickles is never idle.
      const limit = setTimeout(cancel, request.limitMs ?? this.#limitMs);
      outgoing.once(request.endless === "body" ? "response" : "close", () => clearTimeout(limit));
      outgoing.once("close", () => clearTimeout(limit));
    }
    send(outgoing, request);
    const response = await promise;
    await assertSuccess(response, request);
    return response;
  }

  /** Upgrades a connection to carry bytes both ways; once it is open, `signal` has no effect on it. */
  async hijack(request: EngineRequest): Promise<{ socket: Duplex; head: Buffer }> {
    const { signal, ...rest } = request;
    const { promise, resolve, reject } = Promise.withResolvers<{ socket: Duplex; head: Buffer }>();
    const outgoing = this.#request(rest, { connection: "Upgrade", upgrade: "tcp" });
    outgoing.once("upgrade", (_response, socket, head) => {
      socket.setTimeout(0);
      this.#track(socket);
      resolve({ socket, head });
    });
    outgoing.once("response", (response) => {
      assertSuccess(response, request)
        .then(() => {
          // Every engine upgrades on request. A proxy that drops the upgrade doesn't pass on the
          // command's input either, so the command would never see its end.
          const { statusCode } = response;
          throw new Error(
            `the engine answered ${statusCode} to ${pathOf(request)}, expected 101: ` +
              "a proxy before it doesn't forward connection upgrades",
          );
        })
        .catch((error: unknown) => {
          reject(error);
          outgoing.destroy();
        });
    });
    outgoing.once("error", (error) => reject(this.#unreachable(error)));
    const cancel = (): void => void outgoing.destroy(this.#timedOut(request));
    outgoing.setTimeout(this.#idleMs, cancel);
    const limit = setTimeout(cancel, request.limitMs ?? this.#limitMs);
    const abort = (): void => void outgoing.destroy(signal?.reason as Error);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      send(outgoing, request);
      return await promise;
    } finally {
      clearTimeout(limit);
      signal?.removeEventListener("abort", abort);
    }
  }

  #timedOut(request: EngineRequest): Error {
    return new Error(`the engine doesn't answer ${pathOf(request)}`);
  }

  /** Explains an error of connecting; returns others unchanged. */
  #unreachable(error: NodeJS.ErrnoException): Error {
    if (error.syscall !== "connect") return error;
    const { socketPath, host, port } = this.#options;
    const where = socketPath ?? `${host ?? ""}:${port ?? ""}`;
    const why = error.code ?? error.message;
    const what = `cannot connect to the engine at ${where} (${why}): is it running?`;
    return new UnreachableError(what, { cause: error });
  }

  #request(request: EngineRequest, headers: Record<string, string>): ClientRequest {
    const { method = "GET", path, body, signal } = request;
    const isHijack = headers["upgrade"] !== undefined;
    const options: RequestOptions = {
      ...this.#options,
      method,
      path,
      // An upgraded connection can't come from the shared pool.
      agent: isHijack ? false : this.#agent,
      headers: {
        host: "docker",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(signal === undefined ? {} : { signal }),
    };
    const outgoing = this.#isTls ? https().request(options) : httpRequest(options);
    // Finds a host that vanished without closing the connection.
    outgoing.setSocketKeepAlive(true, KEEP_ALIVE_MS);
    this.#track(outgoing);
    return outgoing;
  }

  #track(each: Duplex | ClientRequest): void {
    if (this.#isClosed) each.destroy(closedError());
    this.#open.add(each);
    each.once("close", () => this.#open.delete(each));
  }
}

function closedError(): Error {
  return new Error("the connection to the engine is closed");
}

function send(outgoing: ClientRequest, request: EngineRequest): void {
  outgoing.end(request.body === undefined ? undefined : JSON.stringify(request.body));
}

/** Throws for a status other than 2xx, with the engine's message. */
async function assertSuccess(response: IncomingMessage, request: EngineRequest): Promise<void> {
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return;
  let text = "";
  for await (const chunk of response as AsyncIterable<Buffer>) {
    text += chunk.toString("utf8");
    if (text.length > MAX_ERROR_BYTES) break;
  }
  const message = messageIn(text);
  throw new EngineError(status, `the engine answered ${status} to ${pathOf(request)}: ${message}`);
}

function pathOf(request: EngineRequest): string {
  return request.path.split("?")[0] ?? "";
}

/** Returns the name to verify in the certificate; Node would take the Host header, which is fixed. */
function serverName(address: EngineAddress): string {
  return "host" in address && isIP(address.host) === 0 ? address.host : "";
}

function messageIn(text: string): string {
  const message = parseJsonObject(text)?.["message"];
  return (typeof message === "string" ? message : text.trim()).slice(0, 500);
}

function defined<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Partial<T>;
}

/** Loads the module on first use. */
function https(): typeof tls {
  return process.getBuiltinModule("node:https");
}
