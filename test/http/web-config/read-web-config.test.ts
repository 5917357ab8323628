import { mkdir, readFile, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { readWebConfig } from "../../../src/http/web-config/read-web-config.ts";
import type { WebConfig } from "../../../src/http/web-config/web-config.ts";
import { type Certificates, makeCertificates } from "../../support/certificates.ts";

const HASH = "$2y$10$eUWwyN5bU2dHHyHfpCUU5O.YOCxM13Pixu5.Nh2ZXWoXv39NTQnD2";
const TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";

const stack = new AsyncDisposableStack();
let certificates: Certificates;
beforeAll(async () => {
  certificates = stack.use(await makeCertificates());
});
afterAll(() => stack.disposeAsync());

async function read(text: string): Promise<WebConfig> {
  return readWebConfig(await certificates.write("web.yml", text));
}

/** Returns the error for a file, without its name. */
async function refusalOf(text: string): Promise<string> {
  const error: unknown = await read(text).catch((error: unknown) => error);
  if (!(error instanceof Error) || error.name !== "WebConfigError") throw new Error("not refused");
  expect(error.message).not.toMatch(/\n/);
  const name = `${join(certificates.folder, "web.yml")}: `;
  expect(error.message.startsWith(name)).toBe(true);
  return error.message.slice(name.length);
}

test.each(["", "\n", "# nothing\n", "---\n", "tls_server_config:\nbasic_auth_users: ~\n", "{}"])(
  "configures nothing when the file is %j",
  async (text) => {
    expect(await read(text)).toEqual({
      tls: undefined,
      http2: true,
      headers: new Map(),
      users: new Map(),
      rateLimit: undefined,
    });
  },
);

test("reads every setting", async () => {
  const config = await read(`
tls_server_config:
  cert_file: server.crt
  key_file: ${certificates.folder}/server.key
  client_auth_type: "RequireAndVerifyClientCert"
  client_ca_file: ca.crt
  client_allowed_sans: [scraper.example, "0:0::1"]
  min_version: TLS12
  max_version: TLS13
  cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: no
  curve_preferences: [X25519, CurveP256]
http_server_config:
  http2: false
  headers:
    Content-Security-Policy: "default-src 'self'"
    X-Frame-Options: deny
    X-Content-Type-Options: nosniff
    X-XSS-Protection: ""
    Strict-Transport-Security: max-age=31536000
basic_auth_users:
  alice: &hash ${HASH}
  123: *hash
rate_limit:
  interval: 1m0.5s
  burst: 20
`);
  expect(config.tls).toEqual({
    context: {
      cert: await certificates.pem("server.crt"),
      key: await certificates.pem("server.key"),
      ca: await certificates.pem("ca.crt"),
      minVersion: "TLSv1.2",
      maxVersion: "TLSv1.3",
      ciphers: expect.stringMatching(/^TLS_AES_128_.*:ECDHE-ECDSA-AES128-GCM-SHA256$/),
      honorCipherOrder: false,
      ecdhCurve: "X25519:P-256",
      secureOptions: expect.any(Number),
    },
    clientAuth: "RequireAndVerifyClientCert",
    clientAllowedSans: new Set(["scraper.example", "::1"]),
  });
  expect(config.http2).toBe(false);
  expect(Object.fromEntries(config.headers)).toEqual({
    "Content-Security-Policy": "default-src 'self'",
    "X-Frame-Options": "deny",
    "X-Content-Type-Options": "nosniff",
    "X-XSS-Protection": "",
    "Strict-Transport-Security": "max-age=31536000",
  });
  expect([...config.users]).toEqual([
    ["alice", HASH],
    ["123", HASH],
  ]);
  expect(config.rateLimit).toEqual({ intervalMs: 60_500, burst: 20 });
});

test("reads certificates and keys in the file itself", async () => {
  const indented = async (file: string) =>
    (await certificates.pem(file)).trim().replaceAll("\n", "\n    ");
  const config = await read(
    `tls_server_config:\n  cert: |\n    ${await indented("server.crt")}\n` +
      `  key: |\n    ${await indented("server.key")}\n` +
      `  client_auth_type: VerifyClientCertIfGiven\n  client_ca: |\n    ${await indented("ca.crt")}\n`,
  );
  expect(config.tls?.context.cert).toContain("BEGIN CERTIFICATE");
  expect(config.tls?.clientAuth).toBe("VerifyClientCertIfGiven");
});

test.each(["NoClientCert", "RequestClientCert", "RequireAnyClientCert", "VerifyClientCertIfGiven"])(
  "accepts client_auth_type %s without a CA",
  async (type) => {
    const config = await read(`${TLS}  client_auth_type: ${type}\n`);
    expect(config.tls?.clientAuth).toBe(type);
  },
);

test("accepts the older name of RequireAnyClientCert", async () => {
  const config = await read(`${TLS}  client_auth_type: RequireClientCert\n`);
  expect(config.tls?.clientAuth).toBe("RequireAnyClientCert");
});

test("accepts old versions of TLS", async () => {
  const config = await read(`${TLS}  min_version: TLS10\n  max_version: TLS12\n`);
  expect(config.tls?.context).toMatchObject({ minVersion: "TLSv1", maxVersion: "TLSv1.2" });
});

test.each(["1s", "1500ms", "0.5h", "1us", "1m1s"])("accepts the interval %s", async (interval) => {
  const config = await read(`rate_limit: {interval: ${interval}, burst: 1}`);
  expect(config.rateLimit?.intervalMs).toBeGreaterThan(0);
});

test("sets no limit when the interval is 0", async () => {
  expect((await read("rate_limit: {interval: 0s, burst: 0}")).rateLimit).toBeUndefined();
});

test.each([
  ["tls_config:\n", /^unknown key tls_config: expected one of tls_server_config, /],
  ["http2: true\n", /^unknown key http2: /],
  [`${TLS}  cert_fil: x\n`, /^unknown key tls_server_config\.cert_fil: expected one of cert, /],
  ["http_server_config:\n  http3: true\n", /^unknown key http_server_config\.http3: /],
  [
    "http_server_config:\n  headers:\n    Server: x\n",
    /^unknown key http_server_config\.headers\.Server: expected one of Content-Security-Policy, /,
  ],
  ["rate_limit:\n  rate: 1\n", /^unknown key rate_limit\.rate: expected one of interval, burst$/],
  ['"a\\nb\\e[2J": 1\n', String.raw`unknown key a\nb\u001b[2J`],
  ["__proto__: 1\n", /^unknown key __proto__: /],
  ["just text", "the file: expected a mapping"],
  ["- a\n", "the file: expected a mapping"],
  ["? [a]\n: b\n", "the file: expected a mapping"],
  ["tls_server_config: yes please\n", "tls_server_config: expected a mapping"],
  ["a: b: c\n", /^line 1 is invalid YAML: /],
  ["basic_auth_users:\n\t- x\n", "line 2 is invalid YAML"],
  ["http_server_config: {}\nhttp_server_config: {}\n", /^line 2 is invalid YAML: a duplicate key$/],
  ["a: {}\n---\nb: {}\n", /is invalid YAML: a second document$/],
  ["a: !!js/function x\n", "line 1 is invalid YAML: an unknown tag"],
  ["rate_limit: *nowhere\n", "invalid YAML"],
  [
    `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [${"*a,".repeat(9)}*a]\nc: &c [${"*b,".repeat(9)}*b]\nd: [${"*c,".repeat(9)}*c]\n`,
    /^invalid YAML: Excessive alias count/,
  ],
  ["http_server_config:\n  http2: maybe\n", /http2: expected true or false, got "maybe"$/],
  [
    "http_server_config:\n  headers:\n    X-Frame-Options: ALLOW\n",
    /X-Frame-Options: expected deny or sameorigin, got "ALLOW"$/,
  ],
  [
    'http_server_config:\n  headers:\n    X-XSS-Protection: "a\\nb"\n',
    /X-XSS-Protection: expected a valid header value, got "a\\nb"$/,
  ],
  ["basic_auth_users:\n  alice: hunter2\n", /^basic_auth_users\.alice: expected a bcrypt hash, as/],
  ["basic_auth_users:\n  alice:\n", /^basic_auth_users\.alice: expected a bcrypt hash/],
  ["basic_auth_users:\n  alice: [x]\n", "basic_auth_users.alice: expected a string"],
  [
    `basic_auth_users:\n  "a:b": ${HASH}\n`,
    "basic_auth_users.a:b: expected a name without a colon",
  ],
  [
    `basic_auth_users:\n  alice: ${HASH.replace("$10$", "$31$")}\n`,
    "basic_auth_users.alice: expected a bcrypt hash with a cost of at most 16",
  ],
  ["rate_limit:\n  interval: 1\n  burst: 1\n", /interval: expected a duration such .*, got "1"$/],
  ["rate_limit:\n  interval: 1s\n", /burst: expected at least 1, else every request is rejected/],
  ["rate_limit:\n  interval: 1s\n  burst: -1\n", /burst: expected a whole number .*, got "-1"$/],
  [`${TLS}  min_version: TLS14\n`, /min_version: expected TLS10, .* or TLS13, got "TLS14"$/],
  [`${TLS}  min_version: TLS13\n  max_version: TLS12\n`, /min_version: expected no more than max/],
  [`${TLS}  cipher_suites: [RC4]\n`, /cipher_suites: expected suites that Go's .*, got "RC4"$/],
  [`${TLS}  cipher_suites: RC4\n`, "tls_server_config.cipher_suites: expected a list of strings"],
  [
    `${TLS}  max_version: TLS12\n  cipher_suites: [TLS_AES_128_GCM_SHA256]\n`,
    "tls_server_config.cipher_suites: expected a suite for TLS12",
  ],
  [`${TLS}  curve_preferences: [P256]\n`, /expected CurveP256, .* or X25519, got "P256"$/],
  [`${TLS}  client_auth_type: Maybe\n`, /client_auth_type: expected NoClientCert, .*"Maybe"$/],
  [`${TLS}  client_auth_type: RequireAndVerifyClientCert\n`, /client_ca_file: expected a file, or/],
  [`${TLS}  client_ca_file: ca.crt\n`, /client_auth_type: expected one that uses the client CA$/],
  [
    `${TLS}  client_ca_file: server.key\n  client_auth_type: VerifyClientCertIfGiven\n`,
    "tls_server_config.client_ca_file: expected PEM certificates",
  ],
  [
    `${TLS}  client_auth_type: VerifyClientCertIfGiven\n  client_allowed_sans: [a]\n`,
    /client_allowed_sans: expected client_auth_type RequireAnyClientCert or/,
  ],
  [
    `${TLS}  client_auth_type: RequireAnyClientCert\n  client_allowed_sans: []\n`,
    "tls_server_config.client_allowed_sans: expected at least one name",
  ],
  ["tls_server_config:\n  key_file: server.key\n", /cert_file: expected a file, or cert$/],
  ["tls_server_config:\n  cert_file: server.crt\n", /key_file: expected a file, or key$/],
  [`${TLS}  cert: x\n`, "tls_server_config.cert: expected either it or cert_file, not both"],
  [
    "tls_server_config:\n  cert_file: none.crt\n  key_file: server.key\n",
    /cert_file: expected a readable file \(no such file\), got "none.crt"$/,
  ],
  [
    "tls_server_config:\n  cert_file: .\n  key_file: server.key\n",
    /cert_file: expected a readable file \(not a regular file\), got "\."$/,
  ],
  [
    "tls_server_config:\n  cert_file: server.key\n  key_file: server.key\n",
    "tls_server_config.cert_file: expected a PEM certificate",
  ],
  [
    "tls_server_config:\n  cert_file: server.crt\n  key: topsecret\n",
    "tls_server_config.key: expected a PEM private key without a passphrase",
  ],
  [
    "tls_server_config:\n  cert_file: server.crt\n  key_file: client.key\n",
    "tls_server_config.key_file: expected the private key of the certificate",
  ],
])("rejects %j", async (text, line) => {
  const refusal = await refusalOf(text);
  if (typeof line === "string") expect(refusal).toContain(line);
  else expect(refusal).toMatch(line);
  expect(refusal).not.toMatch(/hunter2|topsecret|\$2y\$/);
});

test("names a file when it is missing or no regular file", async () => {
  const path = join(certificates.folder, "none.yml");
  await expect(readWebConfig(path)).rejects.toThrow(`${path}: no such file`);
  await expect(readWebConfig("/dev/zero")).rejects.toThrow("/dev/zero: not a regular file");
  await expect(read("#".repeat(1024 * 1024 + 1))).rejects.toThrow("larger than 1 MiB");
});

test("accepts the example in docs/security.md", async () => {
  const page = await readFile(join(import.meta.dirname, "../../../docs/security.md"), "utf8");
  const [, example = ""] = /```yaml\n(tls_server_config:\n[^`]*)```/.exec(page) ?? [];
  await certificates.write("clients.crt", await certificates.pem("ca.crt"));
  const { tls, users } = await read(example);
  expect(tls?.clientAuth).toBe("RequireAndVerifyClientCert");
  expect([...users.keys()]).toEqual(["prometheus"]);
});

test("resolves relative paths by the folder of the file's path, not of a link's target", async () => {
  const link = join(certificates.folder, "link");
  await mkdir(join(certificates.folder, "elsewhere"));
  await certificates.write("elsewhere/real.yml", TLS);
  await symlink("elsewhere/real.yml", link);
  const config = await readWebConfig(link);
  expect(config.tls?.context.cert).toBe(await certificates.pem("server.crt"));
  await rm(link);
});

test("accepts a hash with the first prefix of bcrypt", async () => {
  const first = HASH.replace("$2y$", "$2$");
  const config = await read(`basic_auth_users:\n  alice: ${first}\n`);
  expect(config.users.get("alice")).toBe(HASH.replace("$2y$", "$2a$"));
});
