import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import { FakeNode, FakeSystemdScript } from "./fake-node.ts";

const CLUSTER = "bench";
const STARTED_AT = "2026-01-01T00:00:00.123456789Z";
const STDOUT_FRAME = 1;
const UPGRADED =
  "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n" +
  "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
/** Suffix of the id of an exec that is not the bridge. */
const OTHER = "-other";

/** Stream to the systemd in a container. */
export interface Attached {
  readonly id: string;
  readonly node: FakeNode;
  readonly socket: Duplex;
}

/** Container engine that speaks the real protocol; its containers have fake systemds. */
export class FakeEngine {
  readonly #namesById = new Map<string, string>();
  readonly #attached = new Set<Attached>();
  readonly #listeners = new Set<ServerResponse>();
  readonly #script: FakeSystemdScript;

  constructor(nodes: number, units: number) {
    this.#script = new FakeSystemdScript(units);
    for (let node = 0; node < nodes; node += 1) {
      this.#namesById.set(String(node).padStart(64, "0"), `sind-${CLUSTER}-worker-${node}`);
    }
  }

  /** Open streams. */
  get attached(): Attached[] {
    return [...this.#attached];
  }

  /** Creates and starts a container. */
  start(id: string, name: string): void {
    this.#namesById.set(id, name);
    this.#emit("create", id);
    this.#emit("start", id);
  }

  /** Ends and removes a container. */
  remove(id: string): void {
    for (const attached of this.#attached) if (attached.id === id) attached.socket.destroy();
    this.#emit("die", id);
    this.#emit("destroy", id);
    this.#namesById.delete(id);
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    void text(request).then((body) => this.#answer(request, response, body));
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const [, id = "", other] = /\/exec\/([0-9a-f]{64})(-other)?\//.exec(request.url ?? "") ?? [];
    const length = Number(request.headers["content-length"] ?? 0);
    let body = head;
    const take = (chunk: Buffer): void => {
      body = Buffer.concat([body, chunk]);
      begin();
    };
    const begin = (): void => {
      if (body.length < length) return;
      socket.off("data", take);
      if (other === undefined) this.#attach({ id, socket, head: body.subarray(length) });
      else answerOther(socket);
    };
    socket.on("error", () => {});
    socket.on("data", take);
    begin();
  }

  #answer(request: IncomingMessage, response: ServerResponse, body: string): void {
    const path = (request.url ?? "").replace(/^\/v1\.\d+/, "");
    const json = (value: unknown): void => void response.end(JSON.stringify(value));
    const [, named = "", what] = /^\/containers\/([\w.-]+)\/(json|exec)/.exec(path) ?? [];
    const id = this.#idOf(named);
    response.setHeader("Api-Version", "1.41");
    if (path === "/_ping") response.end("OK");
    else if (path === "/version") json({ ApiVersion: "1.41" });
    else if (path.startsWith("/events")) this.#listen(path, response);
    else if (path.startsWith("/containers/json")) {
      json([...this.#namesById.keys()].map((Id) => ({ Id })));
    } else if (path.startsWith("/exec/")) json({ ExitCode: 0, Running: false });
    else if (what === undefined || !this.#namesById.has(id)) {
      response.statusCode = 404;
      json({ message: "no such container" });
    } else if (what === "json") json(inspected(id, this.#namesById.get(id) ?? ""));
    else json({ Id: isBridge(body) ? id : `${id}${OTHER}` });
  }

  /** Returns the id of a container by its name; any other text as it is. */
  #idOf(named: string): string {
    for (const [id, name] of this.#namesById) if (name === named) return id;
    return named;
  }

  #listen(path: string, response: ServerResponse): void {
    response.flushHeaders();
    if (path.includes("until=")) {
      response.end();
      return;
    }
    this.#listeners.add(response);
    response.on("close", () => this.#listeners.delete(response));
  }

  #emit(action: string, id: string): void {
    const name = this.#namesById.get(id) ?? "";
    const exitCode = action === "die" ? { exitCode: "137" } : {};
    const timeNano = `${Date.now()}000000`;
    const event = JSON.stringify({
      Type: "container",
      Action: action,
      Actor: { ID: id, Attributes: { ...labels(), ...exitCode, image: "node:bench", name } },
    });
    const line = `${event.slice(0, -1)},"timeNano":${timeNano}}\n`;
    for (const listener of this.#listeners) listener.write(line);
  }

  /** Opens an exec's stream: raw input, and output in the engine's frames. */
  #attach({ id, socket, head }: Omit<Attached, "node"> & { readonly head: Buffer }): void {
    socket.write(UPGRADED);
    const node = new FakeNode(this.#script, (bytes) => void socket.write(framed(bytes)));
    const attached = { id, node, socket };
    this.#attached.add(attached);
    socket.on("data", (chunk: Buffer) => node.push(chunk));
    socket.on("end", () => socket.end());
    socket.on("close", () => this.#attached.delete(attached));
    if (head.length > 0) node.push(head);
  }
}

/** True of the request of an exec that runs the bridge, not of one that only names it in a script. */
function isBridge(body: string): boolean {
  const { Cmd: command } = JSON.parse(body) as { readonly Cmd: readonly string[] };
  return command.includes("systemd-stdio-bridge");
}

/** Answers the exec with an empty journal. */
function answerOther(socket: Duplex): void {
  socket.write(UPGRADED);
  socket.end(framed(Buffer.from("end 0\n")));
}

function framed(bytes: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header[0] = STDOUT_FRAME;
  header.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
}

function labels(): Readonly<Record<string, string>> {
  return { "sind.cluster": CLUSTER, "sind.realm": "sind" };
}

function inspected(id: string, name: string): unknown {
  return {
    Id: id,
    Name: `/${name}`,
    Created: STARTED_AT,
    Path: "/sbin/init",
    Args: [],
    RestartCount: 0,
    State: {
      Status: "running",
      ExitCode: 0,
      OOMKilled: false,
      StartedAt: STARTED_AT,
      FinishedAt: "0001-01-01T00:00:00Z",
    },
    // The real engine sends much more, which unitwatch reads and discards.
    HostConfig: Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`Key${n}`, [n]])),
    Config: {
      Image: "node:bench",
      Labels: labels(),
      StopSignal: "SIGRTMIN+3",
      Env: ["container=docker"],
    },
  };
}
