import { expect, test } from "@jest/globals";
import { EventFeed } from "../../src/http/handlers/event-feed.ts";
import { exchange, fetchFrom } from "../support/http-client.ts";
import { startServer } from "./started-server.ts";

test("answers that it is healthy while the process serves", async () => {
  await using started = await startServer({ ready: () => false });
  const { status, text, headers } = await fetchFrom(started.port, "/-/healthy");
  expect([status, text]).toEqual([200, "unitwatch is healthy\n"]);
  expect(headers["content-type"]).toBe("text/plain; charset=utf-8");
});

test("answers 503 on readiness until the first listing is applied", async () => {
  let ready = false;
  await using started = await startServer({ ready: () => ready });
  expect((await fetchFrom(started.port, "/-/ready")).status).toBe(503);
  ready = true;
  expect(await fetchFrom(started.port, "/-/ready")).toMatchObject({
    status: 200,
    text: "unitwatch is ready\n",
  });
});

test("lets the status page load its own assets, and nothing else", async () => {
  await using started = await startServer();
  const { status, headers, text } = await fetchFrom(started.port, "/");
  expect(status).toBe(200);
  expect(headers["content-type"]).toBe("text/html; charset=utf-8");
  expect(text).toContain("<title>unitwatch</title>");
  expect(String(headers["content-security-policy"]).split("; ").sort()).toEqual([
    "base-uri 'none'",
    "connect-src 'self'",
    "default-src 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "img-src 'self'",
    "require-trusted-types-for 'script'",
    "script-src 'self'",
    "style-src 'self'",
    "trusted-types 'none'",
  ]);
});

test("serves the assets of the status page by name, and no other file", async () => {
  const requested: string[] = [];
  const asset = (name: string) => {
    requested.push(name);
    if (name !== "style.css") return undefined;
    return Promise.resolve({ contentType: "text/css", body: Buffer.from("a{}") });
  };
  const render = () => Promise.resolve(Buffer.alloc(0));
  const events = new EventFeed({ serialize: String, instance: "test" });
  await using started = await startServer({
    status: { page: render, state: render, events, asset },
  });
  const { status, headers, text } = await fetchFrom(started.port, "/-/page/style.css?x=1");
  expect([status, text, headers["content-type"]]).toEqual([200, "a{}", "text/css"]);
  for (const name of [
    "",
    "style.css/",
    "../app.ts",
    "..%2fapp.ts",
    "%2e%2e/app.ts",
    "%ff",
    "%zz",
    "x/style.css",
  ]) {
    expect((await fetchFrom(started.port, `/-/page/${name}`)).status).toBe(404);
  }
  expect(requested).not.toContain("app.ts");
});

test.each(["/", "/metrics", "/-/healthy", "/nowhere"])(
  "sets the security headers when the path is %s",
  async (path) => {
    await using started = await startServer();
    const { headers } = await fetchFrom(started.port, path);
    expect(headers).toMatchObject({
      "cache-control": "no-store",
      "content-security-policy": expect.stringContaining("default-src 'none'"),
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
    });
    expect(headers).not.toHaveProperty("x-powered-by");
    expect(headers).not.toHaveProperty("etag");
    expect(headers).not.toHaveProperty("server");
  },
);

test.each(["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])(
  "answers 405 on every path when the method is %s",
  async (method) => {
    await using started = await startServer();
    for (const path of ["/", "/metrics", "/nowhere", "*"]) {
      const { status, headers } = await fetchFrom(started.port, path, { method });
      expect([status, headers.allow]).toEqual([405, "GET, HEAD"]);
    }
  },
);

test("answers CONNECT with 405, and closes the connection", async () => {
  await using started = await startServer();
  const answer = await exchange(started.port, "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n");
  expect(answer).toMatch(/^HTTP\/1\.1 405 .*\r\nAllow: GET, HEAD\r\n/);
});

test("answers HEAD like GET without the body", async () => {
  await using started = await startServer();
  for (const path of ["/", "/metrics", "/-/ready", "/api/v1/state", "/nowhere"]) {
    const get = await fetchFrom(started.port, path);
    const head = await fetchFrom(started.port, path, { method: "HEAD" });
    expect(head.text).toBe("");
    expect({ ...head.headers, date: "" }).toEqual({ ...get.headers, date: "" });
    expect(head.status).toBe(get.status);
  }
});

test.each([
  "/nowhere",
  "/metrics/",
  "/metrics//",
  "/metrics/..",
  "/metrics;a=b",
  "/METRICS",
  "//metrics",
  "///",
  "/./metrics",
  "/a/../metrics",
  "/%6detrics",
  "/metrics%00",
  "/%2e%2e/metrics",
  "/..%2f..%2fetc/passwd",
  "/%zz",
  "/%",
  String.raw`/\metrics`,
  "/-/",
  "/-/healthy/x",
  "/__proto__",
  "metrics",
  "*",
  "http://[::1/metrics",
  "http://a:b:c/metrics",
  "http://",
  "//[",
  "//a@[::1#x",
  "/metrics#x",
  "ftp://a/metrics",
  "/metrics\u00e9",
])("answers 404 or 400 when the path is %s", async (path) => {
  await using started = await startServer();
  const answer = await exchange(
    started.port,
    `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 40[04] /);
  expect(answer).not.toMatch(/\bat |Error|node_modules|express/);
  expect(started.lines.join("\n")).not.toContain("level=error");
});

test("ignores a query, and accepts an absolute URL as proxies send it", async () => {
  await using started = await startServer();
  expect((await fetchFrom(started.port, "/metrics?collect[]=x&__proto__=1")).status).toBe(200);
  expect((await fetchFrom(started.port, "http://localhost:9/metrics")).status).toBe(200);
  expect((await fetchFrom(started.port, "http://localhost")).status).toBe(200);
});

test("logs an error, and hides its cause from the client", async () => {
  await using started = await startServer({
    ready: () => {
      throw new Error("secret detail");
    },
  });
  const { status, text } = await fetchFrom(started.port, "/-/ready");
  expect([status, text]).toEqual([500, "internal error\n"]);
  expect(started.lines).toContain('level=error msg="request failed" err="secret detail"');
});

test("throws when the telemetry path is another route", async () => {
  await expect(startServer({ telemetryPath: "/-/ready" })).rejects.toThrow("/-/ready");
});
