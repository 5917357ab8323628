import { hashSync } from "bcryptjs";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { FAILURES_OF_ONE } from "../../src/http/auth/login-limits.ts";
import { type Certificates, makeCertificates } from "../support/certificates.ts";
import { type Answer, fetchFrom } from "../support/http-client.ts";
import { Http2Client, startWebServer } from "./secure-server.ts";

const USERS = `basic_auth_users:\n  alice: ${hashSync("wonder", 4)}\n`;
const TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";
const ALICE = basic("alice", "wonder");

const GUARDED = [
  "/",
  "/metrics",
  "/metrics?a=/-/healthy",
  "/-/ready",
  "/nowhere",
  "/-/healthy/",
  "/-//healthy",
  "//-/healthy",
  "/-/HEALTHY",
  "/%2d/healthy",
  "/metrics/../-/healthy",
  "/-/healthy%00",
  "http://a/metrics",
  "*",
];

const stack = new AsyncDisposableStack();
let files: Certificates;
beforeAll(async () => {
  files = stack.use(await makeCertificates());
});
afterAll(() => stack.disposeAsync());

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

function ask(
  { port }: { readonly port: number },
  path: string,
  authorization?: string,
  method = "GET",
): Promise<Answer> {
  const headers = authorization === undefined ? {} : { authorization };
  return fetchFrom(port, path, { headers, method });
}

test("requires a login for everything but health", async () => {
  await using started = await startWebServer(files, USERS);
  for (const path of GUARDED) {
    const { status, headers, text } = await ask(started, path);
    expect([path, status, text]).toEqual([path, 401, "unauthorized\n"]);
    expect(headers["www-authenticate"]).toBe('Basic realm="unitwatch", charset="UTF-8"');
    expect(headers).toMatchObject({
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
    });
  }
  expect((await ask(started, "/metrics", undefined, "POST")).status).toBe(401);
  expect((await ask(started, "/metrics", ALICE)).text).toBe("up 1\n");
  expect((await ask(started, "/nowhere", ALICE)).status).toBe(404);
  expect((await ask(started, "/metrics", ALICE, "POST")).status).toBe(405);
  for (const path of ["/-/healthy", "/-/healthy?x", "http://a/-/healthy"]) {
    expect((await ask(started, path)).text).toBe("unitwatch is healthy\n");
  }
});

test("answers wrong passwords with 401, then 429, when health and known logins go on", async () => {
  await using started = await startWebServer(files, USERS);
  expect((await ask(started, "/metrics", ALICE)).status).toBe(200);
  for (let count = 0; count < FAILURES_OF_ONE.burst; count += 1) {
    expect((await ask(started, "/metrics", basic("alice", `${count}`))).status).toBe(401);
  }
  const limited = await ask(started, "/metrics", basic("mallory", "x"));
  expect([limited.status, limited.text]).toEqual([429, "too many requests\n"]);
  expect(limited.headers["retry-after"]).toBe(String(FAILURES_OF_ONE.intervalMs / 1000));
  expect((await ask(started, "/metrics", ALICE)).status).toBe(200);
  expect((await ask(started, "/-/healthy")).status).toBe(200);
  expect(started.lines).toContain('level=warn msg="login failed" from=127.0.0.1');
  expect(started.lines).toContain('level=warn msg="too many failed logins" from=127.0.0.1');
  expect(started.lines.join("\n")).not.toMatch(/wonder|alice|mallory/);
});

test("applies the users of the file a second after it changes", async () => {
  await using started = await startWebServer(files, USERS);
  expect((await ask(started, "/metrics", ALICE)).status).toBe(200);
  await started.rewrite(`basic_auth_users:\n  bob: ${hashSync("builder", 4)}\n`);
  expect((await ask(started, "/metrics", ALICE)).status).toBe(401);
  expect((await ask(started, "/metrics", basic("bob", "builder"))).status).toBe(200);
  await started.rewrite("basic_auth_users:\n");
  expect((await ask(started, "/metrics")).status).toBe(401);
});

test("requires a login when the request is HTTP/2", async () => {
  await using started = await startWebServer(files, `${TLS}${USERS}`);
  using client = new Http2Client(started.port, { ca: await files.pem("ca.crt") });
  expect((await client.ask("/metrics")).status).toBe(401);
  expect((await client.ask("/metrics", { authorization: basic("alice", "x") })).status).toBe(401);
  expect((await client.ask("/metrics", { authorization: ALICE })).text).toBe("up 1\n");
  expect((await client.ask("/-/healthy")).status).toBe(200);
});

test("sets the headers of the file on every answer, in place of the routes' own", async () => {
  await using started = await startWebServer(
    files,
    `${USERS}http_server_config:
  headers:
    Content-Security-Policy: "default-src https:"
    X-Frame-Options: sameorigin
    X-Content-Type-Options: ""
    Strict-Transport-Security: max-age=60
    X-XSS-Protection: 0\n`,
  );
  for (const path of ["/", "/metrics", "/nowhere", "/-/healthy"]) {
    for (const authorization of [ALICE, undefined]) {
      const { headers } = await ask(started, path, authorization);
      expect(headers).toMatchObject({
        "content-security-policy": "default-src https:",
        "x-frame-options": "sameorigin",
        "strict-transport-security": "max-age=60",
        "x-xss-protection": "0",
        "referrer-policy": "no-referrer",
      });
      expect(headers).not.toHaveProperty("x-content-type-options");
    }
  }
});

test("limits requests to the rate of the file, but never those for health", async () => {
  await using started = await startWebServer(files, "rate_limit: {interval: 2s, burst: 3}\n");
  const statuses = async (count: number): Promise<number[]> => {
    const found: number[] = [];
    for (let at = 0; at < count; at += 1) found.push((await ask(started, "/metrics")).status);
    return found;
  };
  expect(await statuses(4)).toEqual([200, 200, 200, 429]);
  expect((await ask(started, "/metrics")).headers["retry-after"]).toBe("2");
  expect((await ask(started, "/-/healthy")).status).toBe(200);
  await started.clock.advance(2000);
  expect(await statuses(2)).toEqual([200, 429]);
  await started.rewrite("rate_limit: {interval: 0s}\n");
  expect(await statuses(5)).toEqual([200, 200, 200, 200, 200]);
});

test("ends a pending login when the server closes", async () => {
  const slow = hashSync("wonder", 4).replace("$04$", "$15$");
  const started = await startWebServer(files, `basic_auth_users:\n  alice: ${slow}\n`);
  const lost = ask(started, "/metrics", ALICE);
  await ask(started, "/-/healthy");
  const [outcome] = await Promise.allSettled([lost, started[Symbol.asyncDispose]()]);
  expect(outcome).toMatchObject({ status: "rejected", reason: { code: "ECONNRESET" } });
});
