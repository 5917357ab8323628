import { copyFile, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { TlsFileNames } from "../../../src/platform/data/read-tls.ts";
import { openSender } from "../../../src/otlp/transport/open-sender.ts";
import type { OtlpSender, SendOutcome } from "../../../src/otlp/transport/sender.ts";
import { TestAuthority } from "../../support/test-authority.ts";
import type { CertificateFiles } from "../../support/test-authority.ts";
import { httpServer, rawServer } from "../../support/http-servers.ts";
import type { TestHttpServer } from "../../support/http-servers.ts";
import { endpointOf, logsRequest } from "../../support/otlp-requests.ts";

const REQUEST = logsRequest(1);
const NEVER = new AbortController().signal;
const NO_FILES = { caFile: undefined, keyFile: undefined, certFile: undefined };

const stack = new AsyncDisposableStack();
let authority: TestAuthority;
let other: TestAuthority;
let forServer: CertificateFiles;
let forClient: CertificateFiles;

beforeAll(async () => {
  authority = stack.use(await TestAuthority.make());
  other = stack.use(await TestAuthority.make());
  [forServer, forClient] = await Promise.all([
    authority.issue("server"),
    authority.issue("client"),
  ]);
});
afterAll(() => stack.disposeAsync());

async function tlsServer(extra: { readonly requestCert?: boolean } = {}): Promise<TestHttpServer> {
  const [key, cert, ca] = await Promise.all(
    [forServer.key, forServer.cert, authority.cert].map((file) => readFile(file)),
  );
  return httpServer((response) => response.end(), { key, cert, ca, ...extra });
}

function opened(address: string, files: Partial<TlsFileNames>): Promise<OtlpSender> {
  return openSender(
    endpointOf({ url: `https://${address}/v1/logs`, tls: { ...NO_FILES, ...files } }),
    "logs",
  );
}

async function sendOnce(address: string, files: Partial<TlsFileNames>): Promise<SendOutcome> {
  await using sender = await opened(address, files);
  return await sender.send(REQUEST, NEVER);
}

test("accepts only certificates of the named authority", async () => {
  await using server = await tlsServer();
  const good = await sendOnce(server.address, { caFile: authority.cert });
  expect(good).toMatchObject({ kind: "accepted" });
  for (const files of [{ caFile: other.cert }, {}]) {
    const bad = await sendOnce(server.address, files);
    expect(bad).toMatchObject({ kind: "retry", reason: "tls", afterMs: undefined });
    expect(bad.message).toContain("certificate");
  }
  expect(server.requests).toHaveLength(1);
});

test("rejects a certificate for another name", async () => {
  await using server = await tlsServer();
  const url = server.address.replace("127.0.0.1", "localhost");
  expect(await sendOnce(url, { caFile: authority.cert })).toMatchObject({
    kind: "retry",
    reason: "tls",
  });
});

test("presents the client's certificate when the endpoint requests one", async () => {
  await using server = await tlsServer({ requestCert: true });
  const caFile = authority.cert;
  const without = await sendOnce(server.address, { caFile });
  expect(without.kind).toBe("retry");
  const files = { caFile, keyFile: forClient.key, certFile: forClient.cert };
  expect(await sendOnce(server.address, files)).toMatchObject({ kind: "accepted" });
});

test("reports a TLS fault when the endpoint talks plain text", async () => {
  await using server = await rawServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  expect(await sendOnce(server.address, {})).toMatchObject({ kind: "retry", reason: "tls" });
});

test("loads renewed certificates when the old ones fail", async () => {
  await using server = await tlsServer({ requestCert: true });
  const folder = dirname(forClient.cert);
  const files = {
    caFile: join(folder, "renewed.pem"),
    keyFile: forClient.key,
    certFile: forClient.cert,
  };
  await copyFile(other.cert, files.caFile);
  await using sender = await opened(server.address, files);
  expect(await sender.send(REQUEST, NEVER)).toMatchObject({ reason: "tls" });
  // A half-written file is ignored.
  await writeFile(files.caFile, "-----BEGIN CERTIFICATE-----\n");
  expect(await sender.send(REQUEST, NEVER)).toMatchObject({ reason: "tls" });
  await copyFile(authority.cert, files.caFile);
  expect(await sender.send(REQUEST, NEVER)).toMatchObject({ reason: "tls" });
  expect(await sender.send(REQUEST, NEVER)).toMatchObject({ kind: "accepted" });
});

test("names an unusable file when the sender is opened", async () => {
  const folder = dirname(authority.cert);
  const missing = join(folder, "missing.pem");
  const empty = join(folder, "empty.pem");
  await writeFile(empty, "no certificate");
  const { key, cert } = forClient;
  const rejected: [Partial<TlsFileNames>, string][] = [
    [{ caFile: missing }, `cannot read the certificate file ${missing}`],
    [{ caFile: empty }, `there is no certificate as PEM in the file ${empty}`],
    [{ certFile: key, keyFile: key }, `there is no certificate as PEM in the file ${key}`],
    [{ certFile: cert, keyFile: cert }, `there is no private key as PEM in the file ${cert}`],
    [
      { certFile: cert, keyFile: forServer.key },
      `the private key in ${forServer.key} isn't that of the certificate in ${cert}`,
    ],
  ];
  const chain = join(folder, "chain.pem");
  await writeFile(chain, (await readFile(cert, "utf8")).repeat(2).replace(/(.*)MII/s, "$1%%%"));
  rejected.push([{ certFile: chain, keyFile: key }, `TLS can't use the certificates in ${chain}`]);
  for (const [files, message] of rejected) {
    await expect(opened("127.0.0.1:1", files)).rejects.toThrow(message);
  }
});

test("ignores the files without TLS", async () => {
  await using server = await httpServer((response) => response.end());
  const tls = { ...NO_FILES, caFile: "/no/such/file.pem" };
  const endpoint = endpointOf({ url: `http://${server.address}/`, tls });
  await using sender = await openSender(endpoint, "logs");
  expect(await sender.send(REQUEST, NEVER)).toMatchObject({ kind: "accepted" });
});
