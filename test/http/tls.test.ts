import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Certificates, makeCertificates } from "../support/certificates.ts";
import { exchange } from "../support/http-client.ts";
import { askTls, startWebServer, tlsFailure } from "./secure-server.ts";

const TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";
const VERIFIED = `${TLS}  client_ca_file: ca.crt\n  client_auth_type: RequireAndVerifyClientCert\n`;

const stack = new AsyncDisposableStack();
let files: Certificates;
let ca: string;
let client: { ca: string; cert: string; key: string };
let stranger: { ca: string; cert: string; key: string };
beforeAll(async () => {
  files = stack.use(await makeCertificates());
  ca = await files.pem("ca.crt");
  const shown = async (name: string) => ({
    ca,
    cert: await files.pem(`${name}.crt`),
    key: await files.pem(`${name}.key`),
  });
  client = await shown("client");
  stranger = await shown("stranger");
});
afterAll(() => stack.disposeAsync());

test("answers over TLS 1.3 and 1.2 alone by default", async () => {
  await using started = await startWebServer(files, TLS);
  expect(started.lines).toContain(
    `level=info msg=listening address=127.0.0.1:${started.port} scheme=https`,
  );
  const newest = await askTls(started.port, "/metrics", { ca });
  expect([newest.status, newest.text, newest.protocol]).toEqual([200, "up 1\n", "TLSv1.3"]);
  const older = await askTls(started.port, "/metrics", { ca, maxVersion: "TLSv1.2" });
  expect([older.status, older.protocol]).toEqual([200, "TLSv1.2"]);
  const oldest = { ca, maxVersion: "TLSv1.1", minVersion: "TLSv1", ciphers: "ALL:@SECLEVEL=0" };
  expect(await tlsFailure(started.port, oldest as never)).toMatch(/ALERT_PROTOCOL_VERSION/);
  expect(await exchange(started.port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")).not.toContain("HTTP/");
  expect(started.lines.join("\n")).toMatch(/msg="TLS handshake failed" .*from=127\.0\.0\.1/);
});

test("negotiates the configured TLS versions", async () => {
  await using newest = await startWebServer(files, `${TLS}  min_version: TLS13\n`);
  expect(await tlsFailure(newest.port, { ca, maxVersion: "TLSv1.2" })).toMatch(/PROTOCOL_VERSION/);
  await using older = await startWebServer(files, `${TLS}  max_version: TLS12\n`);
  expect((await askTls(older.port, "/metrics", { ca })).protocol).toBe("TLSv1.2");
  await using oldest = await startWebServer(files, `${TLS}  min_version: TLS10\n`);
  const old = { ca, maxVersion: "TLSv1", minVersion: "TLSv1", ciphers: "ALL:@SECLEVEL=0" } as const;
  expect((await askTls(oldest.port, "/metrics", old)).protocol).toBe("TLSv1");
});

test("negotiates the configured cipher suites of TLS 1.2 and curves", async () => {
  const suite = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
  await using started = await startWebServer(
    files,
    `${TLS}  cipher_suites: [${suite}]\n  curve_preferences: [CurveP384]\n`,
  );
  const answer = await askTls(started.port, "/metrics", { ca, maxVersion: "TLSv1.2" });
  expect(answer.cipher).toBe(suite);
  expect((await askTls(started.port, "/metrics", { ca })).protocol).toBe("TLSv1.3");
  const other = { ca, maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" } as const;
  expect(await tlsFailure(started.port, other)).toMatch(/HANDSHAKE_FAILURE/);
  expect(await tlsFailure(started.port, { ca, ecdhCurve: "X25519" })).toMatch(/HANDSHAKE_FAILURE/);
});

test("offers weak cipher suites only when they are configured", async () => {
  await using started = await startWebServer(files, TLS);
  const cbc = { ca, maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA" } as const;
  const withoutSecrecy = { ...cbc, ciphers: "AES128-SHA:AES256-GCM-SHA384" };
  expect(await tlsFailure(started.port, withoutSecrecy)).toMatch(/HANDSHAKE_FAILURE/);
  expect(await tlsFailure(started.port, cbc)).toMatch(/HANDSHAKE_FAILURE/);
  const text = `${TLS}  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA]\n`;
  await using older = await startWebServer(files, text);
  expect((await askTls(older.port, "/metrics", cbc)).status).toBe(200);
});

describe("client certificate", () => {
  test("is accepted only when it is signed by the CA", async () => {
    await using started = await startWebServer(files, VERIFIED);
    expect((await askTls(started.port, "/metrics", client)).status).toBe(200);
    expect(await tlsFailure(started.port, { ca })).not.toContain("HTTP/");
    expect(await tlsFailure(started.port, stranger)).not.toContain("HTTP/");
    const http2 = { ...stranger, ALPNProtocols: ["h2"] };
    expect(await tlsFailure(started.port, http2)).not.toContain("HTTP/");
    expect(started.lines).toContain(
      'level=warn msg="client certificate rejected" reason="no client certificate" from=127.0.0.1',
    );
  });

  test("is rejected when its session is older than a change of the CA", async () => {
    await using started = await startWebServer(files, VERIFIED);
    const first = connect({ host: "127.0.0.1", port: started.port, ...client });
    const [session] = (await once(first, "session")) as [Buffer];
    first.destroy();
    await files.make("otherca", { isCa: true });
    await started.rewrite(VERIFIED.replace("ca.crt", "otherca.crt"));
    expect(await tlsFailure(started.port, { ...client, session })).not.toContain("HTTP/");
  });

  test.each([
    ["NoClientCert", [true, true, true]],
    ["RequestClientCert", [true, true, true]],
    ["RequireAnyClientCert", [false, true, true]],
    ["VerifyClientCertIfGiven", [true, false, true]],
    ["RequireAndVerifyClientCert", [false, false, true]],
  ])("accepts with %s none, a stranger's and a known one: %j", async (type, expected) => {
    const authority = type === "NoClientCert" ? "" : "  client_ca_file: ca.crt\n";
    const text = `${TLS}${authority}  client_auth_type: ${type}\n`;
    await using started = await startWebServer(files, text);
    const answers = [];
    for (const shown of [{ ca }, stranger, client]) {
      answers.push((await tlsFailure(started.port, shown)).startsWith("HTTP/1.1 200 "));
    }
    expect(answers).toEqual(expected);
  });

  test("is accepted only when it has an allowed name", async () => {
    await files.make("unnamed", { issuer: "ca" });
    const unnamed = {
      ca,
      cert: await files.pem("unnamed.crt"),
      key: await files.pem("unnamed.key"),
    };
    for (const name of ["scraper.example", "::1", "a@b.example"]) {
      await using started = await startWebServer(
        files,
        `${VERIFIED}  client_allowed_sans: [x, "${name}"]\n`,
      );
      expect((await askTls(started.port, "/metrics", client)).status).toBe(200);
      expect(await tlsFailure(started.port, unnamed)).not.toContain("HTTP/");
    }
    await using other = await startWebServer(files, `${VERIFIED}  client_allowed_sans: [x]\n`);
    expect(await tlsFailure(other.port, client)).not.toContain("HTTP/");
    expect(other.lines.join("\n")).toContain("no allowed name in the client certificate");
  });
});

test("presents a changed certificate from the next connection on, and keeps open ones", async () => {
  await files.make("changing", { issuer: "ca", altNames: "IP:127.0.0.1" });
  const text = TLS.replaceAll("server.", "changing.");
  await using started = await startWebServer(files, text);
  const { serial } = await askTls(started.port, "/metrics", { ca });
  const kept = connect({ host: "127.0.0.1", port: started.port, ca });
  kept.write("GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n");
  await once(kept, "data");

  await files.make("changing", { issuer: "ca", altNames: "IP:127.0.0.1" });
  await started.rewrite(text);
  const changed = await askTls(started.port, "/metrics", { ca });
  expect(changed.serial).not.toBe(serial);
  expect(started.lines).toContain('level=info msg="web configuration changed"');
  kept.write("GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n");
  const [answer] = (await once(kept, "data")) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /);
  kept.destroy();
});

test("keeps the last configuration when a file becomes invalid", async () => {
  await using started = await startWebServer(files, TLS);
  const { serial } = await askTls(started.port, "/metrics", { ca });
  await started.rewrite("tls_server_config: {cert_file: gone.crt, key_file: server.key}");
  expect(await askTls(started.port, "/metrics", { ca })).toMatchObject({ status: 200, serial });
  await started.rewrite("");
  expect(await askTls(started.port, "/metrics", { ca })).toMatchObject({ status: 200, serial });
  const logged = started.lines.filter((line) => line.includes("the last one stays in force"));
  expect(logged).toEqual([
    expect.stringContaining("gone.crt"),
    expect.stringContaining("turning TLS off requires a restart"),
  ]);
});

test("closes the connection when a handshake doesn't complete", async () => {
  await using started = await startWebServer(files, TLS, { times: { handshakeMs: 50 } });
  const silent = connectTcp({ host: "127.0.0.1", port: started.port });
  silent.on("error", () => {});
  silent.resume();
  await once(silent, "close");
  expect(started.lines.join("\n")).toContain("TLS handshake failed");
});

test("closes the connection when a request stays incomplete", async () => {
  await using started = await startWebServer(files, TLS, {
    times: { headersTimeout: 500, requestTimeout: 600, connectionsCheckingInterval: 50 },
  });
  const half = connect({ host: "127.0.0.1", port: started.port, ca });
  let answer = "";
  half.on("data", (chunk) => (answer += chunk.toString()));
  half.on("error", () => {});
  half.write("GET /metrics HTT");
  await once(half, "close");
  expect(answer).toMatch(/^HTTP\/1\.1 408 /);
});

test("aborts pending handshakes when the server closes", async () => {
  const started = await startWebServer(files, TLS);
  const silent = connectTcp({ host: "127.0.0.1", port: started.port });
  silent.on("error", () => {});
  await once(silent, "connect");
  const ended = once(silent, "close");
  expect((await askTls(started.port, "/metrics", { ca })).status).toBe(200);
  await started.server.close();
  await ended;
});

test("answers when the key is RSA", async () => {
  await files.make("rsa", { issuer: "ca", altNames: "IP:127.0.0.1", key: "rsa" });
  await using started = await startWebServer(files, TLS.replaceAll("server.", "rsa."));
  const answer = await askTls(started.port, "/metrics", { ca, maxVersion: "TLSv1.2" });
  expect(answer.cipher).toBe("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
});
