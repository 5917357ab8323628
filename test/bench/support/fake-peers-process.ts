/*
 * An engine with systemd nodes that speak the real protocols over a socket, in a process of its
 * own: `node fake-peers-process.ts SOCKET NODES UNITS`. Ends with its input; a line `crash RATE
 * SECONDS` there has units crash, RATE in a second, and is answered by a line with their number.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createInterface } from "node:readline";
import type { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { FakeNode, FakeSystemdScript } from "./fake-node.ts";

const [socketPath = "", nodes = "1", units = "100"] = process.argv.slice(2);
const CLUSTER = "bench";
const STARTED_AT = "2026-01-01T00:00:00.123456789Z";
const STDOUT_FRAME = 1;

const ids = Array.from({ length: Number(nodes) }, (_, node) => String(node).padStart(64, "0"));
const script = new FakeSystemdScript(Number(units));
const attached = new Set<FakeNode>();

function inspect(id: string): unknown {
  const name = `sind-${CLUSTER}-worker-${Number(id)}`;
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
    // The engine tells much more, which has to be read and thrown away.
    HostConfig: Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`Key${n}`, [n]])),
    Config: {
      Image: "node:bench",
      Labels: { "sind.cluster": CLUSTER, "sind.realm": "sind" },
      StopSignal: "SIGRTMIN+3",
      Env: ["container=docker"],
    },
  };
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const path = (request.url ?? "").replace(/^\/v1\.\d+/, "");
  const json = (body: unknown): void => void response.end(JSON.stringify(body));
  const id = /^\/containers\/([0-9a-f]{64})\/(json|exec)/.exec(path);
  response.setHeader("Api-Version", "1.41");
  if (path === "/_ping") response.end("OK");
  else if (path === "/version") json({ ApiVersion: "1.41" });
  else if (path.startsWith("/events")) {
    response.flushHeaders();
    if (path.includes("until=")) response.end();
  } else if (path.startsWith("/containers/json")) json(ids.map((Id) => ({ Id })));
  else if (id?.[2] === "json") json(inspect(id[1] ?? ""));
  else if (id?.[2] === "exec") json({ Id: id[1] });
  else if (path.startsWith("/exec/")) json({ ExitCode: 0, Running: false });
  else {
    response.statusCode = 404;
    json({ message: "no such thing" });
  }
}

/** An exec's stream: its input as it is, its output in frames of the engine's. */
function attach(socket: Duplex, head: Buffer): void {
  socket.write(
    "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n" +
      "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
  );
  const node = new FakeNode(script, (bytes) => {
    const header = Buffer.alloc(8);
    header[0] = STDOUT_FRAME;
    header.writeUInt32BE(bytes.length, 4);
    socket.write(Buffer.concat([header, bytes]));
  });
  attached.add(node);
  socket.on("data", (chunk: Buffer) => node.push(chunk));
  socket.on("end", () => socket.end());
  socket.on("error", () => {});
  socket.on("close", () => attached.delete(node));
  if (head.length > 0) node.push(head);
}

/** Crashes spread evenly over the nodes and the time. Gives their number. */
async function crash(rate: number, seconds: number): Promise<number> {
  const begin = performance.now();
  let crashes = 0;
  let turn = [...attached].values();
  while (performance.now() - begin < seconds * 1_000) {
    const due = ((performance.now() - begin) / 1_000) * rate;
    while (crashes < due) {
      const next = turn.next();
      if (next.done === true) turn = [...attached].values();
      else crashes += next.value.crashAll();
      if (attached.size === 0) return crashes;
    }
    await delay(5);
  }
  return crashes;
}

const server = createServer((request, response) => {
  request.resume();
  request.on("end", () => answer(request, response));
});
server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
  const length = Number(request.headers["content-length"] ?? 0);
  let body = head;
  const take = (chunk: Buffer): void => {
    body = Buffer.concat([body, chunk]);
    begin();
  };
  const begin = (): void => {
    if (body.length < length) return;
    socket.off("data", take);
    attach(socket, body.subarray(length));
  };
  socket.on("data", take);
  begin();
});
server.listen(socketPath, () => console.log("listening"));

const commands = createInterface({ input: process.stdin });
commands.on("line", (line) => {
  const [, rate, seconds] = /^crash (\S+) (\S+)$/.exec(line) ?? [];
  void crash(Number(rate), Number(seconds)).then((crashes) => console.log(String(crashes)));
});
commands.on("close", () => process.exit(0));
