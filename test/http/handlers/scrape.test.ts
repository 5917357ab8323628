import { once } from "node:events";
import { Agent } from "node:http";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { gunzipSync } from "node:zlib";
import { expect, test } from "@jest/globals";
import { RENDERED_DEADLINE_MS } from "../../../src/http/handlers/rendered.ts";
import type { Rendering } from "../../../src/http/handlers/rendered.ts";
import { MAX_SCRAPE_BODIES } from "../../../src/http/handlers/scrape.ts";
import { exchange, fetchFrom } from "../../support/http-client.ts";
import { turns } from "../../support/turns.ts";
import { startServer } from "../started-server.ts";

/** Returns metrics whose renderings the test completes. */
function byHand(): {
  readonly metrics: (accept: string | undefined) => Promise<Rendering>;
  readonly renders: PromiseWithResolvers<Rendering>[];
  readonly begun: (count: number) => Promise<void>;
} {
  const renders: PromiseWithResolvers<Rendering>[] = [];
  return {
    renders,
    metrics: () => {
      const render = Promise.withResolvers<Rendering>();
      renders.push(render);
      return render.promise;
    },
    begun: async (count) => {
      while (renders.length < count) await turns();
    },
  };
}

const GET_METRICS = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
const GET_METRICS_AND_CLOSE = "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/** Opens a scrape that the server has begun: it was sent in one piece with a request that is answered. */
async function scrapeBegun(port: number): Promise<{
  readonly socket: Socket;
  /** Resolves to what follows the first answer, when the connection has closed. */
  readonly answer: Promise<string>;
}> {
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("error", () => {});
  socket.write(`GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n${GET_METRICS_AND_CLOSE}`);
  await once(socket, "data");
  let text = "";
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  return { socket, answer: once(socket, "close").then(() => text) };
}

async function bytesUntilClose(socket: Socket): Promise<number> {
  let bytes = 0;
  socket.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
  });
  await once(socket, "close");
  return bytes;
}

const page = (body: string): Rendering => ({ contentType: "text/plain", body });

test("sends the metrics as rendered for the Accept header", async () => {
  const accepts: (string | undefined)[] = [];
  await using started = await startServer({
    metrics: (accept) => {
      accepts.push(accept);
      return Promise.resolve({ contentType: "text/x; version=1", body: Buffer.from("a 1\n") });
    },
  });
  const { status, headers, text } = await fetchFrom(started.port, "/metrics");
  expect([status, text]).toEqual([200, "a 1\n"]);
  expect(headers).toMatchObject({
    "content-type": "text/x; version=1",
    "content-length": "4",
    vary: "Accept, Accept-Encoding",
  });
  expect(headers).not.toHaveProperty("content-encoding");
  await fetchFrom(started.port, "/metrics", {
    headers: { accept: "application/openmetrics-text" },
  });
  expect(accepts).toEqual([undefined, "application/openmetrics-text"]);
});

test("gzips the metrics when the client accepts it", async () => {
  const body = "metric 1\n".repeat(100_000);
  await using started = await startServer({ metrics: () => Promise.resolve(page(body)) });
  const answer = await fetchFrom(started.port, "/metrics", {
    headers: { "accept-encoding": "gzip" },
  });
  expect(answer.headers["content-encoding"]).toBe("gzip");
  expect(answer.headers["content-length"]).toBe(String(answer.body.length));
  expect(gunzipSync(answer.body).toString()).toBe(body);
  const plain = await fetchFrom(started.port, "/metrics", {
    headers: { "accept-encoding": "gzip;q=0" },
  });
  expect(plain.headers).not.toHaveProperty("content-encoding");
  expect(plain.text).toBe(body);
});

test("shares a rendering between scrapes, but none that began before them", async () => {
  const { metrics, renders, begun } = byHand();
  await using started = await startServer({ metrics });
  const first = fetchFrom(started.port, "/metrics");
  await begun(1);
  const later = [await scrapeBegun(started.port), await scrapeBegun(started.port)];
  renders[0]?.resolve(page("old\n"));
  expect((await first).text).toBe("old\n");
  await begun(2);
  renders[1]?.resolve(page("new\n"));
  for (const { answer } of later) expect(await answer).toMatch(/ 200 OK\r\n[^]*\r\n\r\nnew\n$/);
  expect(renders).toHaveLength(2);
});

test("answers 500, logs and goes on when the metrics can't be rendered", async () => {
  let broken = true;
  await using started = await startServer({
    metrics: () =>
      broken ? Promise.reject(new Error("no state")) : Promise.resolve(page("a 1\n")),
  });
  const { status, text } = await fetchFrom(started.port, "/metrics");
  expect([status, text]).toEqual([500, "metrics can't be rendered, the log says why\n"]);
  expect(started.lines).toContain(`level=error msg="metrics can't be rendered" err="no state"`);
  broken = false;
  expect((await fetchFrom(started.port, "/metrics")).status).toBe(200);
});

test("serves one scrape after another on a connection", async () => {
  await using started = await startServer();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let i = 0; i < 5; i++) {
    expect((await fetchFrom(started.port, "/metrics", { agent })).status).toBe(200);
  }
  agent.destroy();
});

test("lets any number of scrapes wait for a rendering", async () => {
  const { metrics, renders, begun } = byHand();
  await using started = await startServer({ metrics });
  const scrapes = [];
  for (let i = 0; i < 50; i++) scrapes.push(await scrapeBegun(started.port));
  // The first scrape has its own rendering; the others came later and share one.
  renders[0]?.resolve(page("a 1\n"));
  await begun(2);
  renders[1]?.resolve(page("b 1\n"));
  const answers = await Promise.all(scrapes.map(({ answer }) => answer));
  expect(answers.filter((answer) => answer.endsWith("\r\n\r\nb 1\n"))).toHaveLength(49);
  expect(renders).toHaveLength(2);
});

test("disconnects the clients of the oldest body when there are too many bodies", async () => {
  const body = Buffer.alloc(20_000_000, "x");
  const metrics = (): Promise<Rendering> =>
    Promise.resolve({ contentType: "text/plain", body: Buffer.from(body) });
  await using started = await startServer({ metrics });
  const slow: Socket[] = [];
  for (let i = 0; i < MAX_SCRAPE_BODIES; i++) {
    const socket = connect({ host: "127.0.0.1", port: started.port });
    socket.on("error", () => {});
    socket.write(GET_METRICS);
    await once(socket, "readable");
    slow.push(socket);
  }
  expect((await fetchFrom(started.port, "/metrics")).body.length).toBe(body.length);
  expect(started.lines).toContain(
    'level=warn msg="slow clients closed" response=metrics clients=1',
  );
  const [oldest, ...others] = slow;
  if (oldest === undefined) throw new Error("no client");
  expect(await bytesUntilClose(oldest)).toBeLessThan(body.length);
  for (const socket of others) socket.destroy();
});

test("sends one body at a time on a connection", async () => {
  const { metrics, renders, begun } = byHand();
  await using started = await startServer({ metrics });
  const answer = exchange(started.port, `${GET_METRICS}${GET_METRICS}${GET_METRICS_AND_CLOSE}`);
  await begun(1);
  renders[0]?.resolve(page("a 1\n"));
  expect((await answer).match(/HTTP\/1\.1 \d+/g)).toEqual([
    "HTTP/1.1 200",
    "HTTP/1.1 503",
    "HTTP/1.1 503",
  ]);
});

test("disconnects a scraper when the deadline passes", async () => {
  const { metrics, begun } = byHand();
  await using started = await startServer({ metrics });
  const answer = exchange(started.port, GET_METRICS);
  await begun(1);
  await started.clock.advance(RENDERED_DEADLINE_MS);
  expect(await answer).toBe("");
});

test("ignores the body of a request", async () => {
  await using started = await startServer();
  const answer = await exchange(
    started.port,
    `GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\nignored` +
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
  );
  expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 200"]);
});

test("asks no client to send its body", async () => {
  await using started = await startServer();
  const answer = await exchange(
    started.port,
    "POST /metrics HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\nConnection: close\r\n\r\n",
  );
  expect(answer).toMatch(/^HTTP\/1\.1 405 /);
});

test("releases a body after its last response, gzipped or not", async () => {
  const { metrics, renders, begun } = byHand();
  await using started = await startServer({ metrics });
  let released = 0;
  const plain = fetchFrom(started.port, "/metrics");
  const gzipped = fetchFrom(started.port, "/metrics", { headers: { "accept-encoding": "gzip" } });
  await begun(1);
  renders[0]?.resolve({ ...page("a 1\n"), release: () => (released += 1) });
  // The second may have come too late to share the rendering of the first.
  const later = async (): Promise<void> => {
    await begun(2);
    renders[1]?.resolve({ ...page("a 1\n"), release: () => (released += 1) });
  };
  void later();
  expect((await plain).text).toBe("a 1\n");
  expect(gunzipSync((await gzipped).body).toString()).toBe("a 1\n");
  while (released < renders.length) await turns();
  expect(released).toBe(renders.length);
});

test("keeps a body while a client still receives it", async () => {
  const { metrics, renders, begun } = byHand();
  await using started = await startServer({ metrics });
  const released = Promise.withResolvers<void>();
  let isReleased = false;
  const { socket } = await scrapeBegun(started.port);
  await begun(1);
  socket.pause();
  const body = "x".repeat(64 * 1024 * 1024);
  renders[0]?.resolve({
    ...page(body),
    release: () => {
      isReleased = true;
      released.resolve();
    },
  });
  await fetchFrom(started.port, "/-/healthy");
  await fetchFrom(started.port, "/-/healthy");
  expect(isReleased).toBe(false);
  socket.destroy();
  await released.promise;
  expect(isReleased).toBe(true);
});
