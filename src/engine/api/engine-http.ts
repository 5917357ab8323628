import { parseJsonObject } from "../../platform/data/json.ts";
import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import type * as tls from "node:https";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import type { TlsMaterial } from "../../platform/data/tls-material.ts";
import { EngineError, UnreachableError } from "./engine-errors.ts";

// Imported as a module, its names are all read, and one of them loads 8 MB: a WebSocket client.
const { Agent: PlainAgent, request } = process.getBuiltinModule("node:http");

/** Where an engine listens. */
export type EngineAddress =
  | { readonly socketPath: string }
  | { readonly host: string; readonly port: number; readonly tls: TlsMaterial | undefined };

export interface EngineLimits {
  /** How long an engine may be silent while it owes an answer. Default 30 s. */
  readonly idleMs?: number;
  /** How long an answer may take as a whole, where it may not take for ever. Default 2 minutes. */
  readonly limitMs?: number;
}

export interface EngineRequest {
  readonly method?: "GET" | "POST";
  /** With query, without the version. */
  readonly path: string;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
  /** What of the answer may take for ever: who asks sees to it that the engine lives. */
  readonly endless?: "body" | "all";
  /** How long the whole answer may take, or what of it isn't endless. */
  readonly limitMs?: number;
}

/** Connections kept for questions; streams have their own. */
const MAX_KEPT = 4;
const MAX_CONNECTIONS = 16;
const MAX_ERROR_BYTES = 16 * 1024;
const KEEP_ALIVE_MS = 30_000;
const IDLE_MS = 30_000;
const LIMIT_MS = 120_000;

/** HTTP as the Docker engine speaks it, over a unix or TCP socket. Node's own client does the rest. */
export class EngineHttp {
  readonly #agent: Agent | tls.Agent;
  readonly #options: RequestOptions;
  readonly #isTls: boolean;
  readonly #idleMs: number;
  readonly #limitMs: number;

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

  /** Closes what is kept open. */
  close(): void {
    this.#agent.destroy();
  }

  /**
   * Asks, and reads the whole answer as JSON; undefined where it is empty.
   *
   * @throws EngineError for another status than 2xx
   */
  async json(question: EngineRequest, maxBytes: number): Promise<unknown> {
    const response = await this.open(question);
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) {
        response.destroy();
        throw new Error(`the answer to ${question.path} is larger than ${maxBytes} bytes`);
      }
      chunks.push(chunk);
    }
    const text = Buffer.concat(chunks).toString("utf8");
    return text.trim() === "" ? undefined : (JSON.parse(text) as unknown);
  }

  /** Asks, and gives the answer while it comes. */
  async open(question: EngineRequest): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const outgoing = this.#request(question, {});
    let answer: IncomingMessage | undefined;
    outgoing.once("response", (response) => {
      answer = response;
      if (question.endless !== undefined) outgoing.setTimeout(0);
      resolve(response);
    });
    outgoing.once("error", (error) => reject(this.#unreachable(error)));
    // An upgrade that nobody asked for ends the connection without any other word.
    outgoing.once("close", () => reject(this.#silent(question)));
    if (question.endless !== "all") {
      const giveUp = (): void => void (answer ?? outgoing).destroy(this.#silent(question));
      outgoing.setTimeout(this.#idleMs, giveUp);
      // One that trickles is never idle.
      const limit = setTimeout(giveUp, question.limitMs ?? this.#limitMs);
      outgoing.once(question.endless === "body" ? "response" : "close", () => clearTimeout(limit));
      outgoing.once("close", () => clearTimeout(limit));
    }
    send(outgoing, question);
    const response = await promise;
    await refuse(response, question);
    return response;
  }

  /** Asks for a connection that carries bytes both ways from then on, whatever `signal` does then. */
  async hijack(question: EngineRequest): Promise<{ socket: Duplex; head: Buffer }> {
    const { signal, ...rest } = question;
    const { promise, resolve, reject } = Promise.withResolvers<{ socket: Duplex; head: Buffer }>();
    const outgoing = this.#request(rest, { connection: "Upgrade", upgrade: "tcp" });
    outgoing.once("upgrade", (_response, socket, head) => {
      socket.setTimeout(0);
      resolve({ socket, head });
    });
    outgoing.once("response", (response) => {
      refuse(response, question)
        .then(() => {
          // An engine that was asked to upgrade does so. What stands between didn't tell it, and
          // takes nothing for the command's input: it would never learn that it is to end.
          const { statusCode } = response;
          throw new Error(
            `the engine's answer to ${pathOf(question)} is ${statusCode} in place of 101: ` +
              "a proxy before it doesn't pass on the upgrade of a connection",
          );
        })
        .catch((error: unknown) => {
          reject(error);
          outgoing.destroy();
        });
    });
    outgoing.once("error", (error) => reject(this.#unreachable(error)));
    const giveUp = (): void => void outgoing.destroy(this.#silent(question));
    outgoing.setTimeout(this.#idleMs, giveUp);
    const limit = setTimeout(giveUp, question.limitMs ?? this.#limitMs);
    const abort = (): void => void outgoing.destroy(signal?.reason as Error);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      send(outgoing, question);
      return await promise;
    } finally {
      clearTimeout(limit);
      signal?.removeEventListener("abort", abort);
    }
  }

  #silent(question: EngineRequest): Error {
    return new Error(`the engine doesn't answer ${pathOf(question)}`);
  }

  /** Says in words what an error of connecting means; others are passed on. */
  #unreachable(error: NodeJS.ErrnoException): Error {
    if (error.syscall !== "connect") return error;
    const { socketPath, host, port } = this.#options;
    const where = socketPath ?? `${host ?? ""}:${port ?? ""}`;
    const why = error.code ?? error.message;
    const what = `cannot connect to the engine at ${where} (${why}): is it running?`;
    return new UnreachableError(what, { cause: error });
  }

  #request(question: EngineRequest, headers: Record<string, string>): ClientRequest {
    const { method = "GET", path, body, signal } = question;
    const isHijack = headers["upgrade"] !== undefined;
    const options: RequestOptions = {
      ...this.#options,
      method,
      path,
      // A connection that is taken over can't come from those that are shared.
      agent: isHijack ? false : this.#agent,
      headers: {
        host: "docker",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(signal === undefined ? {} : { signal }),
    };
    const outgoing = this.#isTls ? https().request(options) : request(options);
    // A host that is gone says nothing any more: only its kernel's silence tells.
    outgoing.setSocketKeepAlive(true, KEEP_ALIVE_MS);
    return outgoing;
  }
}

function send(outgoing: ClientRequest, question: EngineRequest): void {
  outgoing.end(question.body === undefined ? undefined : JSON.stringify(question.body));
}

/** Throws where the status says that it failed, with what the engine says of it. */
async function refuse(response: IncomingMessage, question: EngineRequest): Promise<void> {
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return;
  let text = "";
  for await (const chunk of response as AsyncIterable<Buffer>) {
    text += chunk.toString("utf8");
    if (text.length > MAX_ERROR_BYTES) break;
  }
  const said = messageIn(text);
  throw new EngineError(status, `the engine answered ${status} to ${pathOf(question)}: ${said}`);
}

function pathOf(question: EngineRequest): string {
  return question.path.split("?")[0] ?? "";
}

/** What a certificate has to be for: the Host header, which is the same for all, would be taken else. */
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

/** Loaded where it is needed. */
function https(): typeof tls {
  return process.getBuiltinModule("node:https");
}
