import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { once } from "node:events";

export interface FakeEngine extends AsyncDisposable {
  readonly socketPath: string;
  /** `GET /v1.41/containers/json?…`, in order, percent-decoded. */
  readonly requests: string[];
  /** Bodies of requests with a body, in order. */
  readonly bodies: unknown[];
}

export interface FakeAnswers {
  /** Answers a request; returns false for a 404. */
  readonly answer?: (path: string, response: ServerResponse, request: IncomingMessage) => boolean;
  /** Handles an upgraded connection. */
  readonly upgraded?: (socket: Duplex, path: string) => void;
  /** Version in the reply to `_ping`; default 1.41, "" for none. */
  readonly apiVersion?: string;
  /** Handles each upgrade request in place of the default. */
  readonly hangsUpgrade?: (socket: Duplex) => void;
  /** True if `answer` also handles pings. */
  readonly answersPing?: boolean;
  /** Called for each ping; returns true to leave it unanswered. */
  readonly ignoresPing?: () => boolean;
}

/** Starts an engine's API on a unix socket; the test answers its requests. */
export async function fakeEngine(answers: FakeAnswers): Promise<FakeEngine> {
  const folder = await mkdtemp(join(tmpdir(), "fake-engine-"));
  const socketPath = join(folder, "docker.sock");
  const requests: string[] = [];
  const bodies: unknown[] = [];
  const sockets = new Set<Duplex>();
  const server: Server = createServer((request, response) => {
    void (async () => {
      await take(request);
      reply(request, response);
    })();
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.on("upgrade", (request, socket, head) => {
    void (async () => {
      await take(request, head);
      const path = request.url ?? "";
      if (answers.hangsUpgrade !== undefined) {
        answers.hangsUpgrade(socket);
        return;
      }
      if (answers.upgraded === undefined) {
        const message = JSON.stringify({ message: "container is paused" });
        socket.end(
          `HTTP/1.1 409 Conflict\r\nContent-Type: application/json\r\nContent-Length: ${message.length}\r\n\r\n${message}`,
        );
        return;
      }
      socket.write(
        "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
      );
      answers.upgraded(socket, path);
    })();
  });

  async function take(request: IncomingMessage, head?: Buffer): Promise<void> {
    requests.push(`${request.method} ${decodeURIComponent(request.url ?? "")}`);
    const length = Number(request.headers["content-length"] ?? 0);
    if (head !== undefined) {
      if (head.length > 0) bodies.push(JSON.parse(head.toString()));
      return;
    }
    let text = "";
    for await (const chunk of request) text += String(chunk);
    if (length > 0 || text !== "") bodies.push(JSON.parse(text));
  }

  function reply(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? "";
    if (path === "/_ping" && answers.ignoresPing?.() === true) return;
    if (path === "/_ping" && answers.answersPing !== true) {
      const { apiVersion = "1.41" } = answers;
      if (apiVersion !== "") response.setHeader("Api-Version", apiVersion);
      response.end("OK");
      return;
    }
    if (answers.answer?.(path, response, request) === true) return;
    response.statusCode = 404;
    response.end(JSON.stringify({ message: "No such thing" }));
  }

  server.listen(socketPath);
  await once(server, "listening");
  return {
    socketPath,
    requests,
    bodies,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
