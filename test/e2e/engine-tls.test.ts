import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { clusterName } from "../support/e2e-runtime.ts";
import { describePrivateEngine } from "../support/engine/attach.ts";
import { type EngineCertificates, makeEngineCertificates } from "../support/engine/certificates.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";
import { startPrivateEngine } from "../support/engine/private-engine.ts";
import { startUnitwatch } from "../support/unitwatch.ts";

const CLUSTER = clusterName("tls");

describePrivateEngine("an engine on tcp:// that requires certificates", () => {
  const stack = new AsyncDisposableStack();
  let port: number;
  let certificates: EngineCertificates;
  let node: TestNode;

  beforeAll(async () => {
    certificates = stack.use(await makeEngineCertificates());
    port = await freePort();
    const { server } = certificates;
    const engine = await startPrivateEngine({
      tls: {
        port,
        caFile: join(server, "ca.pem"),
        certFile: join(server, "cert.pem"),
        keyFile: join(server, "key.pem"),
      },
    });
    stack.use(engine);
    const labels = { "sind.cluster": CLUSTER };
    node = stack.use(await startNode(engine, { name: `sind-${CLUSTER}-node`, labels }));
    await node.writeUnit("victim.service", "[Service]\nExecStart=sleep infinity\n");
  });
  afterAll(() => stack.disposeAsync());

  /** Address by name; the certificate is also valid for the IP address. */
  const reach = (host: string, certPath: string, args: readonly string[] = []) =>
    startUnitwatch({
      host: `tcp://${host}:${port}`,
      cluster: CLUSTER,
      args,
      env: { DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: certPath },
    });

  describe.each([
    ["engine", "localhost"],
    ["engine", "127.0.0.1"],
    ["cli", "localhost"],
  ])("with the runtime %s, at %s", (runtime, host) => {
    test("watches its nodes", async () => {
      await using unitwatch = await reach(host, certificates.client, [
        `--docker.runtime=${runtime}`,
      ]);
      await unitwatch.untilWatching(1);
      const failures = { name: "victim.service", result: "signal" };
      await node.startUnit("victim.service");
      await node.crash("victim.service", "SIGKILL");
      await unitwatch.until(
        (scrape) => scrape.value("systemd_unit_failures_total", failures) === 1,
      );
      const children = (await unitwatch.children()).length;
      expect(children > 0).toBe(runtime === "cli");
    });
  });

  test.each([
    ["a certificate of another authority", /self-signed certificate|certificate|SSL|TLS/i],
  ])("logs the reason when %s is rejected", async (_what, words) => {
    await using unitwatch = await reach("localhost", certificates.stranger);
    const { detail } = await unitwatch.untilLogged(({ level }) => level === "error");
    expect(String(detail)).toMatch(words);
    expect((await unitwatch.scrape()).value("unitwatch_engine_up")).toBe(0);
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
