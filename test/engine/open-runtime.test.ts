import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { openRuntime } from "../../src/engine/open-runtime.ts";
import type { RuntimeChoice } from "../../src/engine/open-runtime.ts";
import { makeEngineCertificates } from "../support/engine/certificates.ts";
import { FakeClock } from "../support/fake-clock.ts";

function choice(given: Partial<RuntimeChoice>): RuntimeChoice {
  return {
    runtime: "auto",
    command: "docker",
    host: undefined,
    context: undefined,
    tlsPath: undefined,
    filters: [],
    clock: new FakeClock(),
    ...given,
  };
}

test.each([
  ["unix:///x.sock", {}, "engine"],
  ["tcp://127.0.0.1:2375", {}, "engine"],
  ["tcp://[::1]", {}, "engine"],
  ["ssh://user@host", {}, "cli"],
  ["unix:///x.sock", { command: "podman" }, "cli"],
  ["unix:///x.sock", { command: "/opt/bin/docker" }, "cli"],
  ["unix:///x.sock", { runtime: "cli" }, "cli"],
  [undefined, { context: "other" }, "cli"],
  ["unix:///x.sock", { runtime: "engine", command: "podman" }, "engine"],
] as const)("opens, on %s with %j, the runtime %s", async (host, given, kind) => {
  expect((await openRuntime(choice({ host, ...given }))).kind).toBe(kind);
});

test("rejects the API over ssh and names the flag", async () => {
  await expect(openRuntime(choice({ runtime: "engine", host: "ssh://h" }))).rejects.toThrow(
    "--docker.runtime=engine: expected --docker.host to be unix:// or tcp://",
  );
});

test("reads the three TLS files, and names a missing or invalid one", async () => {
  await using certificates = await makeEngineCertificates();
  const { client: folder } = certificates;
  const opened = () => openRuntime(choice({ host: "tcp://127.0.0.1:2376", tlsPath: folder }));
  expect((await opened()).kind).toBe("engine");
  const key = join(folder, "key.pem");
  for (const [spoil, message] of [
    [() => writeFile(key, ""), `there is no private key as PEM in the file ${key}`],
    [() => rm(key), `cannot read the private key file ${key}`],
  ] as const) {
    await spoil();
    await expect(opened()).rejects.toMatchObject({
      message: "DOCKER_CERT_PATH",
      cause: { message },
    });
  }
});
