import type { ServerResponse } from "node:http";
import { expect, test } from "@jest/globals";
import { EngineApi } from "../../../src/engine/api/engine-api.ts";
import { fakeEngine } from "../../support/fake-engine.ts";
import type { FakeAnswers, FakeEngine } from "../../support/fake-engine.ts";
import { filtersOf } from "../../../src/engine/format/event-query.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const ID = "0123456789abcdef".repeat(4);
const { signal: never } = new AbortController();
const INSPECT = { limitMs: 10_000, signal: never };

interface Started extends AsyncDisposable {
  readonly engine: FakeEngine;
  readonly api: EngineApi;
  readonly clock: FakeClock;
}

async function start(answers: FakeAnswers, filters: readonly string[] = []): Promise<Started> {
  const engine = await fakeEngine(answers);
  const clock = new FakeClock();
  const { socketPath } = engine;
  const api = new EngineApi({ address: { socketPath }, filters, clock });
  return {
    engine,
    api,
    clock,
    async [Symbol.asyncDispose]() {
      api.close();
      await engine[Symbol.asyncDispose]();
    },
  };
}

function frame(stream: number, text: string): Buffer {
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

test("lists all containers with the filters and the engine's version", async () => {
  await using started = await start(
    {
      answer: (path, response) => {
        if (!path.includes("/containers/json")) return false;
        response.end(JSON.stringify([{ Id: ID }, { Id: "no id" }, null, 7]));
        return true;
      },
    },
    ["label=a=b", "name=x"],
  );
  expect(await started.api.list(never)).toEqual([ID]);
  expect(started.engine.requests).toEqual([
    "GET /_ping",
    'GET /v1.41/containers/json?all=true&filters={"label":{"a=b":true},"name":{"x":true}}',
  ]);
});

test("reads the name of the engine's host, and none from a malformed answer", async () => {
  const answers = [{ Name: "lab-1", NCPU: 2 }, { Name: "" }, { Name: 7 }, []];
  await using started = await start({
    answer: (path, response) => {
      if (!path.endsWith("/info")) return false;
      response.end(JSON.stringify(answers.shift()));
      return true;
    },
  });
  expect(await started.api.hostName()).toBe("lab-1");
  for (const _ of [1, 2, 3]) expect(await started.api.hostName()).toBeUndefined();
  expect(started.engine.requests.at(-1)).toBe("GET /v1.41/info");
});

test("rejects a request for the host's name that a proxy forbids", async () => {
  await using started = await start({
    answer: (path, response) => {
      if (!path.endsWith("/info")) return false;
      response.writeHead(403).end("Forbidden");
      return true;
    },
  });
  await expect(started.api.hostName()).rejects.toThrow("403");
});

test.each([
  ["1.99", "/v1.52/"],
  ["1.40", "/v1.40/"],
  ["", "/v1.44/"],
])("requests the right version from an engine of API %j: %s", async (apiVersion, prefix) => {
  await using started = await start({
    apiVersion,
    answer: (_path, response) => {
      response.end("[]");
      return true;
    },
  });
  await started.api.list(never);
  expect(started.engine.requests[1]).toContain(` ${prefix}`);
});

const TOO_NEW = "client version 1.44 is too new.";

// A proxy may strip the header.
test.each([
  [400, `${TOO_NEW} Maximum supported API version is 1.41`, "1.41"],
  [400, `${TOO_NEW} Maximum supported API version is 1.99`, "1.52"],
  [400, TOO_NEW, "1.40"],
  [400, "another reason", "1.44"],
  [403, "not on the list", "1.44"],
])(
  "requests the right version from an engine that offers none and answers 1.44 with %d, %s: %s",
  async (status, message, version) => {
    await using started = await start({
      apiVersion: "",
      answer: (path, response) => {
        if (path.startsWith("/v1.44/containers/json?limit=1")) {
          response.statusCode = status;
          response.end(JSON.stringify({ message }));
        } else response.end("[]");
        return true;
      },
    });
    await started.api.list(never);
    await started.api.list(never);
    expect(started.engine.requests.map((request) => request.split("?")[0])).toEqual([
      "GET /_ping",
      "GET /v1.44/containers/json",
      `GET /v${version}/containers/json`,
      `GET /v${version}/containers/json`,
    ]);
    expect(started.api.versions?.api).toBe(version);
  },
);

test("filters by keys and values of any text", () => {
  expect(filtersOf(["label=__proto__=x", "label=a", "__proto__=b", "label=a"])).toBe(
    '{"label":{"__proto__=x":true,"a":true},"__proto__":{"b":true}}',
  );
});

test("recognises podman by its Server header", async () => {
  await using started = await start({
    answer: (path, response) => {
      if (path === "/_ping") response.setHeader("Server", "Libpod/4.3.1 (linux)");
      response.end("[]");
      return true;
    },
    answersPing: true,
  });
  expect([started.api.engine, started.api.versions]).toEqual(["docker", undefined]);
  await started.api.list(never);
  expect([started.api.engine, started.api.versions]).toEqual([
    "podman",
    { engine: "4.3.1", api: "1.40" },
  ]);
});

test.each([
  ["Docker/20.10.24+dfsg1 (linux)", "20.10.24+dfsg1"],
  ["Docker/28.0.1", "28.0.1"],
  ["nginx", undefined],
  ["Docker/", undefined],
  [`Docker/${"1".repeat(65)}`, undefined],
])("reads from the Server header %j the version %j", async (server, version) => {
  await using started = await start({
    answer: (path, response) => {
      if (path === "/_ping") response.setHeader("Server", server).setHeader("Api-Version", "1.99");
      response.end("[]");
      return true;
    },
    answersPing: true,
  });
  await started.api.list(never);
  expect(started.api.versions).toEqual({ engine: version, api: "1.52" });
});

test.each([
  [{ socketPath: "/var/run/docker.sock" }, "unix:///var/run/docker.sock"],
  [{ host: "engine", port: 2375, tls: undefined }, "tcp://engine:2375"],
  [{ host: "::1", port: 2376, tls: undefined }, "tcp://[::1]:2376"],
])("shows the address %j as %s", (address, where) => {
  expect(new EngineApi({ address, filters: [], clock: new FakeClock() }).where).toBe(where);
});

test("rejects an engine that is too old and names its version", async () => {
  await using started = await start({ apiVersion: "1.24" });
  await expect(started.api.list(never)).rejects.toThrow("1.24 is older than 1.40");
});

test("names the socket when no engine listens", async () => {
  const clock = new FakeClock();
  const api = new EngineApi({ address: { socketPath: "/nowhere.sock" }, filters: [], clock });
  await expect(api.list(never)).rejects.toThrow("/nowhere.sock");
});

test("leaves out removed containers and reports each failed inspection alone", async () => {
  await using started = await start({
    answer: (path, response) => {
      if (path.includes("gone")) return false;
      if (path.includes("hanging")) return true;
      if (path.includes("going")) {
        response.statusCode = 500;
        response.end(JSON.stringify({ message: "going: no such container" }));
        return true;
      }
      if (path.includes("cut")) response.destroy();
      if (path.includes("broken")) response.statusCode = 500;
      if (path.includes("odd")) response.end("7");
      else response.end(JSON.stringify(path.includes("broken") ? { message: "boom" } : { Id: ID }));
      return true;
    },
  });
  const { documents, failures } = await started.api.inspect(
    ["broken", "hanging", "odd", "cut", "gone", "going", ID],
    { limitMs: 500, signal: never },
  );
  expect(documents).toEqual([{ Id: ID }]);
  const messages = Object.fromEntries(failures.map(({ id, error }) => [id, error.message]));
  expect(messages).toEqual({
    broken: "the engine answered 500 to /v1.41/containers/broken/json: boom",
    hanging: "the engine doesn't answer /v1.41/containers/hanging/json",
    odd: "the engine's answer is not an inspect document",
    cut: expect.stringContaining("socket hang up"),
  });
  const asked = started.engine.requests.filter((request) => request.includes("/cut/"));
  expect(asked).toHaveLength(2);
});

test("rejects an inspection when the engine is forbidden or unavailable", async () => {
  await using started = await start({
    answer: (_path, response) => {
      response.statusCode = 403;
      response.end();
      return true;
    },
  });
  await expect(started.api.inspect([ID], INSPECT)).rejects.toThrow("403");
  const { socketPath } = started.engine;
  await using other = await start({});
  await other.api.inspect([ID], INSPECT);
  await other.engine[Symbol.asyncDispose]();
  await expect(other.api.inspect([ID], INSPECT)).rejects.toThrow("cannot connect");
  expect(socketPath).not.toBe(other.engine.socketPath);
});

test("ends an inspection when the signal aborts", async () => {
  const abort = new AbortController();
  await using started = await start({
    answer: () => {
      abort.abort(new Error("enough"));
      return true;
    },
  });
  await expect(
    started.api.inspect([ID], { limitMs: 10_000, signal: abort.signal }),
  ).rejects.toThrow("abort");
});

test("streams events since a time with the filters that events support", async () => {
  await using started = await start(
    {
      answer: (path, response) => {
        if (!path.includes("/events")) return false;
        response.write('{"Action":"start"}\n');
        return true;
      },
    },
    ["label=a=b", "name=x"],
  );
  const stream = await started.api.events({
    sinceNs: 1_700_000_000_000_000_001n,
    actions: ["start", "die"],
    signal: never,
  });
  for await (const chunk of stream.stdout) {
    expect(String(chunk)).toBe('{"Action":"start"}\n');
    break;
  }
  stream.kill();
  await stream.exited;
  expect(started.engine.requests.at(-1)).toBe(
    'GET /v1.41/events?since=1700000000.000000001&filters={"type":{"container":true},"event":{"start":true,"die":true},"label":{"a=b":true}}',
  );
});

test("ends the event stream when the engine stops answering pings", async () => {
  const pinged = Promise.withResolvers<void>();
  let pings = 0;
  await using started = await start({
    answer: (path, response) => {
      if (!path.includes("/events")) return false;
      response.flushHeaders();
      return true;
    },
    ignoresPing: () => {
      pings += 1;
      // The first request is for the version.
      if (pings > 1) pinged.resolve();
      return pings > 1;
    },
  });
  const { api, clock } = started;
  const stream = await api.events({ sinceNs: 0n, actions: [], signal: never });
  const read = (async () => {
    for await (const _ of stream.stdout) pings += 1000;
  })();
  await clock.advance(30_000);
  await pinged.promise;
  await clock.advance(10_000);
  await expect(read).rejects.toThrow("the engine doesn't answer");
  expect(pings).toBe(2);
});

test("opens podman's event stream before its headers, and ends with its outcome", async () => {
  const asked = Promise.withResolvers<ServerResponse>();
  await using started = await start({
    answer: (path, response) => {
      if (path === "/_ping") {
        response.setHeader("Server", "Libpod/4.3.1 (linux)");
        response.end("OK");
      } else asked.resolve(response);
      return true;
    },
    answersPing: true,
  });
  const stream = await started.api.events({ sinceNs: 0n, actions: [], signal: never });
  const answer = await asked.promise;
  answer.write("1");
  const chunks: string[] = [];
  const read = (async () => {
    for await (const chunk of stream.stdout) {
      chunks.push(String(chunk));
      answer.destroy();
    }
  })();
  await expect(read).rejects.toThrow("aborted");
  expect(chunks).toEqual(["1"]);
  await stream.exited;
});

test.each([
  ["docker", "since=0.000000000&until=5.000000000"],
  ["Libpod/4.3.1 (linux)", "since=0.000000000&stream=false"],
])("requests events up to a time from %s", async (server, query) => {
  await using started = await start({
    answer: (path, response) => {
      if (path === "/_ping") response.setHeader("Server", server);
      response.end();
      return true;
    },
    answersPing: true,
  });
  const stream = await started.api.events({
    sinceNs: 0n,
    untilNs: 5_000_000_000n,
    actions: [],
    signal: never,
  });
  for await (const _ of stream.stdout) throw new Error("unexpected event");
  await stream.exited;
  expect(started.engine.requests.at(-1)).toContain(`/events?${query}&filters=`);
});

test("carries an exec's bytes both ways and reads its exit code at its end", async () => {
  await using started = await start({
    answer: (path, response) => {
      if (path.endsWith("/exec")) response.end(JSON.stringify({ Id: "e1" }));
      else if (path.endsWith("/exec/e1/json")) response.end(JSON.stringify({ ExitCode: 3 }));
      else return false;
      return true;
    },
    upgraded: (socket) => {
      socket.on("data", (bytes: Buffer) => {
        socket.write(frame(2, "warning"));
        socket.write(frame(1, `got ${bytes.toString()}`));
      });
      socket.on("end", () => socket.end());
    },
  });
  const process = await started.api.exec(ID, ["cat", "-"], { user: "1:1", signal: never });
  process.stdin.write("hi");
  let text = "";
  for await (const chunk of process.stdout) {
    text += String(chunk);
    process.stdin.end();
  }
  expect(text).toBe("got hi");
  expect(await process.exited).toEqual({ exitCode: 3, signal: undefined, stderr: "warning" });
  expect(started.engine.bodies[0]).toEqual({
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Cmd: ["cat", "-"],
    Tty: false,
    User: "1:1",
  });
});

test("reports the engine's message when it rejects an exec", async () => {
  await using started = await start({
    answer: (path, response) => {
      if (!path.endsWith("/exec")) return false;
      response.end(JSON.stringify({ Id: "e1" }));
      return true;
    },
  });
  await expect(started.api.exec(ID, ["cat"], { signal: never })).rejects.toThrow(
    "container is paused",
  );
});

test("fails the reader, not the process, when a stream isn't multiplexed", async () => {
  await using started = await start({
    answer: (path, response) => {
      if (!path.endsWith("/exec")) return false;
      response.end(JSON.stringify({ Id: "e1" }));
      return true;
    },
    upgraded: (socket) => void socket.end("no frames at all"),
  });
  const process = await started.api.exec(ID, ["cat"], { signal: never });
  const read = async (): Promise<void> => {
    for await (const _ of process.stdout) {
      // Nothing comes.
    }
  };
  await expect(read()).rejects.toThrow("not multiplexed");
  await process.exited;
});

test("returns a command's output and exit code", async () => {
  await using started = await start({
    answer: (path, response) => {
      if (path.endsWith("/exec")) response.end(JSON.stringify({ Id: "e1" }));
      else if (path.endsWith("/json")) response.end(JSON.stringify({ ExitCode: 0 }));
      else return false;
      return true;
    },
    upgraded: (socket) => {
      socket.write(frame(1, "out"));
      socket.end(frame(2, "err"));
    },
  });
  const output = await started.api.run(ID, ["x"], { maxBytes: 100, signal: never });
  expect(output).toEqual({ stdout: "out", exitCode: 0, stderr: "err" });
  await expect(started.api.run(ID, ["x"], { maxBytes: 2, signal: never })).rejects.toThrow(
    "larger than 2 bytes",
  );
});

test("reports an engine that doesn't answer, or stops in the middle", async () => {
  await using engine = await fakeEngine({
    answer: (path, response) => {
      if (path.includes("/containers/json")) response.write("[");
      return true;
    },
    upgraded: () => {},
  });
  const api = new EngineApi({
    address: { socketPath: engine.socketPath },
    filters: [],
    clock: new FakeClock(),
    limits: { idleMs: 50 },
  });
  await expect(api.list(never)).rejects.toThrow("doesn't answer /v1.41/containers/json");
  const { failures } = await api.inspect([ID], INSPECT);
  expect(failures[0]?.error.message).toContain(`doesn't answer /v1.41/containers/${ID}`);
  await expect(api.exec(ID, ["cat"], { signal: never })).rejects.toThrow("doesn't answer");
  api.close();
});

test("drops an answer that trickles, but not an event stream", async () => {
  using timers = new DisposableStack();
  const trickle = (send: () => void): void =>
    void timers.adopt(setInterval(send, 20), clearInterval);
  await using engine = await fakeEngine({
    answer: (path, response) => {
      if (path.includes("/events")) trickle(() => response.write("\n"));
      else if (path.includes("/containers/json")) trickle(() => response.write(" "));
      else if (path.endsWith("/exec")) response.end(JSON.stringify({ Id: "e1" }));
      return true;
    },
    hangsUpgrade: (socket) => {
      socket.write("HTTP/1.1 101 UPGRADED\r\nUpgrade: ");
      socket.on("error", () => {});
      trickle(() => socket.write("X"));
    },
  });
  const api = new EngineApi({
    address: { socketPath: engine.socketPath },
    filters: [],
    clock: new FakeClock(),
    limits: { idleMs: 10_000, limitMs: 200 },
  });
  const events = await api.events({ sinceNs: 0n, actions: [], signal: never });
  await expect(api.list(never)).rejects.toThrow("doesn't answer /v1.41/containers/json");
  await expect(api.exec(ID, ["cat"], { signal: never })).rejects.toThrow("doesn't answer");
  let read = 0;
  for await (const chunk of events.stdout) {
    read += chunk.length;
    if (read > 30) break;
  }
  events.kill();
  api.close();
});

test("explains a proxy that doesn't forward upgrades", async () => {
  const closed = Promise.withResolvers<void>();
  await using started = await start({
    answer: (path, response) => {
      if (!path.endsWith("/exec")) return false;
      response.end(JSON.stringify({ Id: "e1" }));
      return true;
    },
    hangsUpgrade: (socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n");
      socket.on("end", closed.resolve).resume();
    },
  });
  await expect(started.api.exec(ID, ["cat"], { signal: never })).rejects.toThrow(
    "the engine answered 200 to /v1.41/exec/e1/start, expected 101",
  );
  // So that what was started by it learns that it is to end.
  await closed.promise;
});

test("ends an exec that hangs at its start when the signal aborts", async () => {
  const asked = Promise.withResolvers<void>();
  await using started = await start({
    answer: (path, response) => {
      if (!path.endsWith("/exec")) return false;
      response.end(JSON.stringify({ Id: "e1" }));
      return true;
    },
    hangsUpgrade: () => asked.resolve(),
  });
  const abort = new AbortController();
  const exec = started.api.exec(ID, ["cat"], { signal: abort.signal });
  await asked.promise;
  abort.abort(new Error("enough"));
  await expect(exec).rejects.toThrow("enough");
});

test("negotiates the version for others when one caller aborts", async () => {
  const pinged = Promise.withResolvers<ServerResponse>();
  await using started = await start({
    answer: (path, response) => {
      if (path === "/_ping") pinged.resolve(response);
      else response.end("[]");
      return true;
    },
    answersPing: true,
  });
  const abort = new AbortController();
  const first = started.api.list(abort.signal);
  const second = started.api.list(never);
  const ping = await pinged.promise;
  abort.abort();
  await expect(first).rejects.toThrow("abort");
  ping.setHeader("Api-Version", "1.44");
  ping.end("OK");
  expect(await second).toEqual([]);
  expect(started.engine.requests.filter((request) => request.includes("_ping")).length).toBe(1);
});

test("ends a request when the signal aborts", async () => {
  await using started = await start({ answer: () => true });
  const abort = new AbortController();
  const listing = started.api.list(abort.signal);
  abort.abort();
  await expect(listing).rejects.toThrow("abort");
});

test("doesn't wait for a hanging engine after an abort", async () => {
  await using started = await start({
    answer: (path, response) => {
      if (path.endsWith("/exec")) response.end(JSON.stringify({ Id: "e1" }));
      return path.includes("/exec");
    },
    upgraded: (socket) => void socket.on("end", () => socket.end()),
  });
  const end = new AbortController();
  const process = await started.api.exec(ID, ["cat"], { signal: end.signal });
  end.abort();
  process.kill();
  expect(await process.exited).toMatchObject({ exitCode: undefined });
});

test("reports an upgrade that wasn't requested", async () => {
  await using started = await start({
    answer: (_path, response) => {
      response.socket?.end("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
      return true;
    },
  });
  await expect(started.api.list(never)).rejects.toThrow("/containers/json");
});

test("returns the commands of a container's execs but those that have ended", async () => {
  await using started = await start({
    answer: (path, response) => {
      if (path.includes("/containers/")) {
        response.end(JSON.stringify({ Id: ID, ExecIDs: ["e1", "e2", "e3"] }));
      } else if (path.includes("/exec/e1/")) {
        response.end(
          JSON.stringify({ ProcessConfig: { entrypoint: "sh", arguments: ["-c", "x"] } }),
        );
      } else if (path.includes("/exec/e3/")) {
        response.end(JSON.stringify({ ProcessConfig: { entrypoint: "cat", arguments: null } }));
      } else return false;
      return true;
    },
  });
  const commands = await started.api.execs(ID, never);
  expect(new Set(commands)).toEqual(new Set([["cat"], ["sh", "-c", "x"]]));
});

test.each([
  [{ Id: ID }, "doesn't list the execs"],
  [{ Id: ID, ExecIDs: [7] }, "doesn't list the execs"],
  [{ Id: ID, ExecIDs: Array.from({ length: 1_001 }, () => "e1") }, "doesn't list the execs"],
  [{ Id: ID, ExecIDs: ["e1"] }, "doesn't report the command"],
])("rejects execs that the engine doesn't report, case %#", async (document, problem) => {
  await using started = await start({
    answer: (path, response) => {
      const isContainer = path.includes("/containers/");
      response.end(JSON.stringify(isContainer ? document : { ProcessConfig: { arguments: [] } }));
      return true;
    },
  });
  await expect(started.api.execs(ID, never)).rejects.toThrow(problem);
});

test("returns no execs when the engine has none", async () => {
  await using started = await start({
    answer: (_path, response) => {
      response.end(JSON.stringify({ Id: ID, ExecIDs: null }));
      return true;
    },
  });
  expect(await started.api.execs(ID, never)).toEqual([]);
});

/** An engine of this Server header that answers `top` with this document. */
const startTop = (server: string, document: unknown): Promise<Started> =>
  start({
    answersPing: true,
    answer: (path, response) => {
      if (path === "/_ping") response.setHeader("Server", server).setHeader("Api-Version", "1.41");
      response.end(JSON.stringify(document));
      return true;
    },
  });

test("returns the cgroups of a container's processes", async () => {
  const rows = [["7", "0::/a"], ["8", "0::/b"], "no row", ["9"]];
  const document = { Titles: ["PID", "CGROUP"], Processes: rows };
  await using started = await startTop("Docker/28.5.2 (linux)", document);
  expect(await started.api.cgroups(ID, never)).toEqual(["0::/a", "0::/b"]);
  expect(started.engine.requests.at(-1)).toBe(
    `GET /v1.41/containers/${ID}/top?ps_args=-ww+-eo+pid,cgroup`,
  );
});

test.each(["Libpod/5.4.2 (linux)", "nginx"])(
  "doesn't ask for cgroups an engine that may be podman, with the Server header %s",
  async (server) => {
    await using started = await startTop(server, {});
    expect(await started.api.cgroups(ID, never)).toBeUndefined();
    expect(started.engine.requests).toEqual(["GET /_ping"]);
  },
);

test.each([{}, { Titles: ["PID"], Processes: [] }, { Titles: ["CGROUP"], Processes: 7 }])(
  "rejects an answer without cgroups, case %#",
  async (document) => {
    await using started = await startTop("Docker/28.5.2 (linux)", document);
    await expect(started.api.cgroups(ID, never)).rejects.toThrow("doesn't list the cgroups");
  },
);

test("cuts execs, event streams and pending requests when it is closed", async () => {
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  const { promise: cut, resolve: end } = Promise.withResolvers<void>();
  await using started = await start({
    answer: (path, response) => {
      if (path.includes("/exec")) response.end(JSON.stringify({ Id: "e1" }));
      else if (path.includes("/events")) response.write("{}\n");
      else ask();
      return true;
    },
    upgraded: (socket) =>
      void socket
        .resume()
        .on("error", () => {})
        .once("end", end),
  });
  const { api } = started;
  const exec = await api.exec(ID, ["cat"], { signal: never });
  const events = await api.events({ sinceNs: 0n, actions: [], signal: never });
  const isClosed = "the connection to the engine is closed";
  const listing = api.list(never).catch((error: unknown) => String(error));
  await asked;
  api.close();
  await expect(Array.fromAsync(exec.stdout)).rejects.toThrow(isClosed);
  expect(await listing).toContain(isClosed);
  await Promise.all([events.exited, cut]);
  expect(await exec.exited).toMatchObject({ exitCode: undefined });
  await expect(api.list(never)).rejects.toThrow(isClosed);
});

test("counts the input that an exec hasn't read", async () => {
  await using started = await start({
    answer: (path, response) => {
      if (path.endsWith("/exec")) response.end(JSON.stringify({ Id: "e1" }));
      return path.endsWith("/exec");
    },
    upgraded: (socket) => void socket.pause(),
  });
  const end = new AbortController();
  const process = await started.api.exec(ID, ["cat"], { signal: end.signal });
  expect(process.stdin.writableLength).toBe(0);
  process.stdin.write(Buffer.alloc(8 * 1024 * 1024));
  expect(process.stdin.writableLength).toBeGreaterThan(0);
  end.abort();
  process.kill();
  await process.exited;
});

test("requests one-shot statistics, and other requests wait for none that isn't answered", async () => {
  const { promise: silent, resolve } = Promise.withResolvers<void>();
  let asked = 0;
  await using started = await start({
    answer: (path, response) => {
      if (path.includes("/stats")) {
        asked += 1;
        if (asked === 1) response.end('{"pids_stats":{"current":3}}');
        else if (asked === 17) resolve();
        return true;
      }
      response.end("[]");
      return path.includes("/containers/json");
    },
  });
  const { api, engine } = started;
  expect(await api.stats(ID, never)).toEqual({ pids_stats: { current: 3 } });
  expect(engine.requests.at(-1)).toBe(
    `GET /v1.41/containers/${ID}/stats?stream=false&one-shot=true`,
  );
  const end = new AbortController();
  const pending = Array.from({ length: 40 }, () =>
    api.stats(ID, end.signal).catch((error: unknown) => error),
  );
  await silent;
  expect(await api.list(never)).toEqual([]);
  end.abort();
  for (const each of await Promise.all(pending)) {
    expect(each).toMatchObject({ name: expect.stringMatching(/Error$/) });
  }
});
