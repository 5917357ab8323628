import { once } from "node:events";
import { request } from "node:https";
import type { RequestOptions } from "node:https";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import type { ClientHttp2Session } from "node:http2";
import { connect } from "node:tls";
import type { ConnectionOptions } from "node:tls";
import type { HttpServerOptions } from "../../src/http/server.ts";
import { CHECK_INTERVAL_MS, WebSettings } from "../../src/http/web-config/web-settings.ts";
import type { Certificates } from "../support/certificates.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { recordedLog } from "../support/recorded-log.ts";
import { startServer } from "./started-server.ts";
import type { StartedServer } from "./started-server.ts";

export interface WebServer extends StartedServer {
  /** Writes the configuration again, and advances the clock by a second. */
  rewrite(text: string): Promise<void>;
}

/** Starts a server with a web configuration, in a file beside the certificates. */
export async function startWebServer(
  files: Certificates,
  text: string,
  options: Partial<HttpServerOptions> = {},
): Promise<WebServer> {
  const clock = new FakeClock();
  const { log, lines } = recordedLog(clock);
  const web = await WebSettings.open(await files.write("web.yml", text), { clock, log });
  const started = await startServer({ web, clock, log, ...options });
  return {
    ...started,
    clock,
    lines,
    async rewrite(changed) {
      await files.write("web.yml", changed);
      await clock.advance(CHECK_INTERVAL_MS);
    },
    async [Symbol.asyncDispose]() {
      const closed = started.server.close();
      await clock.advance(1000);
      await closed;
    },
  };
}

export interface SecureAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Negotiated, such as `TLSv1.3`. */
  readonly protocol: string | null;
  readonly cipher: string;
  /** The serial number of the server's certificate. */
  readonly serial: string;
}

/** Sends one request over TLS with HTTP/1.1 on a new connection. */
export async function askTls(
  port: number,
  path: string,
  options: RequestOptions = {},
): Promise<SecureAnswer> {
  const sent = request({ host: "127.0.0.1", port, path, agent: false, ...options });
  sent.end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  const socket = response.socket as unknown as ReturnType<typeof connect>;
  const peer = {
    protocol: socket.getProtocol(),
    cipher: socket.getCipher().standardName,
    serial: socket.getPeerX509Certificate()?.serialNumber ?? "",
  };
  let text = "";
  for await (const chunk of response as AsyncIterable<Buffer>) text += chunk.toString();
  return { status: response.statusCode ?? 0, headers: response.headers, text, ...peer };
}

/** Sends one request, and returns the answer or the error that its connection ended with. */
export async function tlsFailure(port: number, options: ConnectionOptions): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port, ...options });
  const { promise, resolve } = Promise.withResolvers<string>();
  let answer = "";
  socket.on("secureConnect", () => socket.write("GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n"));
  socket.on("data", (chunk) => {
    answer += chunk.toString();
    socket.end();
  });
  socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  socket.on("close", () => resolve(answer === "" ? "closed" : answer));
  return promise;
}

/** Opens a connection with HTTP/2; disposing it destroys it. */
export class Http2Client implements Disposable {
  readonly session: ClientHttp2Session;

  constructor(port: number, options: ConnectionOptions = {}) {
    this.session = connectHttp2(`https://127.0.0.1:${port}`, options);
    this.session.on("error", () => {});
  }

  async ask(path: string, headers: Record<string, string> = {}) {
    const stream = this.session.request({ ":path": path, ...headers });
    const [answer] = (await once(stream, "response")) as [Record<string, string | number>];
    let text = "";
    for await (const chunk of stream as AsyncIterable<Buffer>) text += chunk.toString();
    return { status: answer[":status"], headers: answer, text };
  }

  [Symbol.dispose](): void {
    this.session.destroy();
  }
}
