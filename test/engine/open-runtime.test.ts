import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { openRuntime } from "../../src/engine/open-runtime.ts";
import type { RuntimeChoice } from "../../src/engine/open-runtime.ts";
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

test("reads the three TLS files, and names a missing one", async () => {
  const folder = await mkdtemp(join(tmpdir(), "docker-certs-"));
  try {
    const tls = choice({ host: "tcp://127.0.0.1:2376", tlsPath: folder });
    await expect(openRuntime(tls)).rejects.toThrow(`cannot read ${folder}/ca.pem`);
    for (const name of ["ca.pem", "cert.pem", "key.pem"]) await writeFile(join(folder, name), "");
    expect((await openRuntime(tls)).kind).toBe("engine");
  } finally {
    await rm(folder, { recursive: true });
  }
});
