import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { hashSync } from "bcryptjs";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type Certificates, makeCertificates } from "./support/certificates.ts";
import { programFile } from "./support/program.ts";
import { startUnitwatch } from "./support/unitwatch.ts";
import type { Unitwatch } from "./support/unitwatch.ts";
import { askTls, startWebServer } from "./http/secure-server.ts";

const TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";
const USERS = `basic_auth_users:\n  alice: ${hashSync("wonder", 4)}\n`;

const stack = new AsyncDisposableStack();
let files: Certificates;
let path: string;
beforeAll(async () => {
  files = stack.use(await makeCertificates());
  path = join(files.folder, "web.yml");
});
afterAll(() => stack.disposeAsync());

function run(
  name: "healthcheck" | "main",
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
) {
  const { PATH = "", NODE_COMPILE_CACHE = "" } = process.env;
  const clean = { PATH, NODE_COMPILE_CACHE, ...env };
  return execa(process.execPath, [programFile(name), ...args], {
    env: clean,
    extendEnv: false,
    reject: false,
  });
}

/** Starts the program with a web configuration, and without an engine. */
async function start(text: string): Promise<Unitwatch> {
  await files.write("web.yml", text);
  const host = `unix://${files.folder}/docker.sock`;
  return startUnitwatch({ host, cluster: "none", args: [`--web.config.file=${path}`] });
}

test("checks the web configuration with the flags, and exits when it is invalid", async () => {
  await files.write("web.yml", `${TLS}${USERS}`);
  expect(await run("main", ["--check-config", `--web.config.file=${path}`])).toMatchObject({
    exitCode: 0,
    stdout: "configuration is valid",
    stderr: "",
  });
  await files.write("web.yml", `${TLS}  min_versoin: TLS13\n`);
  for (const args of [["--check-config"], []]) {
    const env = { UNITWATCH_WEB_CONFIG_FILE: path };
    const { exitCode, stdout, stderr } = await run("main", args, env);
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(
      /^unitwatch: error: --web\.config\.file: .*web\.yml: unknown key tls_server_config\.min_versoin: expected one of [^\n]+$/,
    );
  }
});

test("serves TLS, requires a password, and reloads the file", async () => {
  await using unitwatch = await start(`${TLS}${USERS}`);
  const ca = await files.pem("ca.crt");
  expect((await askTls(unitwatch.port, "/metrics", { ca })).status).toBe(401);
  const answer = await askTls(unitwatch.port, "/metrics", { ca, auth: "alice:wonder" });
  expect([answer.status, answer.text]).toEqual([
    200,
    expect.stringContaining("\nunitwatch_engine_up 0\n"),
  ]);
  await files.write("web.yml", "nonsense");
  const logged = unitwatch.untilLogged(({ msg }) => msg.startsWith("web configuration invalid"));
  // A request triggers a check of the files, at most once a second.
  const asking = setInterval(() => {
    askTls(unitwatch.port, "/-/healthy", { ca }).catch(() => {});
  }, 200);
  expect((await logged)["err"]).toContain("expected a mapping");
  clearInterval(asking);
  expect((await askTls(unitwatch.port, "/metrics", { ca, auth: "alice:wonder" })).status).toBe(200);
});

test.each([
  ["TLS and users", `${TLS}${USERS}`],
  ["an old TLS alone", `${TLS}  min_version: TLS10\n  max_version: TLS10\n`],
  ["users alone", USERS],
  [
    "client certificates",
    `${TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n`,
  ],
])("passes the health check with %s", async (_what, text) => {
  await using started = await startWebServer(files, text);
  const { exitCode, stdout } = await run("healthcheck", [], {
    UNITWATCH_WEB_LISTEN_ADDRESS: `127.0.0.1:${started.port}`,
    UNITWATCH_WEB_CONFIG_FILE: path,
  });
  expect([stdout, exitCode]).toEqual([expect.stringContaining("127.0.0.1"), 0]);
});

test("fails the health check when nothing answers, or neither protocol is spoken", async () => {
  const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const env = {
    UNITWATCH_WEB_LISTEN_ADDRESS: `127.0.0.1:${port}`,
    UNITWATCH_WEB_CONFIG_FILE: path,
  };
  expect((await run("healthcheck", [], env)).exitCode).toBe(1);
  server.close();
  await once(server, "close");
  expect((await run("healthcheck", [], env)).exitCode).toBe(1);
});
