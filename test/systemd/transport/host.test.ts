import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { CommandOutput } from "../../../src/domain/runtime.ts";
import { hostRuntime } from "../../../src/systemd/transport/host-runtime.ts";
import { hostSource } from "../../../src/systemd/transport/host.ts";
import { findHostSystem } from "../../../src/systemd/transport/host-system.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { BUS_SOCKET, ContainerTree } from "../../support/systemd/container-tree.ts";
import { RecordedSink } from "../../support/systemd/recorded-sink.ts";
import { until } from "../../support/until.ts";

const MACHINE = "0123456789abcdef0123456789abcdef";
let root: string;
beforeEach(async () => void (root = await mkdtemp(join(tmpdir(), "host-"))));
afterEach(() => rm(root, { recursive: true }));

async function write(path: string, text: string): Promise<void> {
  await mkdir(join(root, path, ".."), { recursive: true });
  await writeFile(join(root, path), text);
}

test("reads the host's name and id from its files, and keeps its machine id secret", async () => {
  await write("etc/hostname", "web1.example.org\n");
  await write("etc/machine-id", `${MACHINE}\n`);
  await mkdir(join(root, "run/systemd/system"), { recursive: true });
  const host = findHostSystem(root);
  expect(host).toMatchObject({ root, machineId: MACHINE, hasSystemd: true });
  // As container or not, this process may have the host's name already.
  expect([hostname(), "web1.example.org"]).toContain(host.name);
  expect(host.id).toMatch(/^[0-9a-f]{32}$/);
  expect(host.id).not.toBe(MACHINE);
  expect(findHostSystem(root).id).toBe(host.id);
});

test.each([["run/systemd/system/x"], ["run/dbus/system_bus_socket"]])(
  "finds systemd by %s, and none without",
  async (path) => {
    expect(findHostSystem(root)).toMatchObject({ hasSystemd: false, machineId: "" });
    await write(path, "");
    expect(findHostSystem(root).hasSystemd).toBe(true);
  },
);

test("watches over the bus as the transport host", async () => {
  await using tree = await ContainerTree.create();
  const { systemds } = await tree.bus();
  const host = { ...findHostSystem(root), root };
  const source = hostSource({ host, bus: join(tree.root, BUS_SOCKET), clock: new FakeClock() });
  const history: string[] = [];
  const { take } = new RecordedSink(history);
  const abort = new AbortController();
  const done = source.run(take, { signal: abort.signal });
  await until(() => history.some((line) => line.startsWith("manager ")), 50_000);
  expect(history).toContain("attached host");
  systemds[0]?.emit("UnitRemoved", "so", "a.service", "/u");
  await until(() => history.some((line) => line.startsWith("removed a.service")), 50_000);
  abort.abort();
  await done;
});

test("says what is missing when there is neither a bus nor a private socket", async () => {
  const host = { ...findHostSystem(root), root };
  const source = hostSource({ host, clock: new FakeClock() });
  const { take } = new RecordedSink([]);
  const { signal } = new AbortController();
  await expect(source.run(take, { signal })).rejects.toThrow(
    /there is no .*system_bus_socket|private/,
  );
});

const OUTPUT: CommandOutput = { stdout: "", stderr: "", exitCode: 0 };

test("reads the journal in the host's tree when that is another", async () => {
  const commands: (readonly string[])[] = [];
  const run = async (command: readonly string[]): Promise<CommandOutput> => {
    commands.push(command);
    return OUTPUT;
  };
  const { signal } = new AbortController();
  const options = { user: "0:0", maxBytes: 10, signal };
  await hostRuntime({ root, machineId: MACHINE }, run).run("", ["journalctl", "-n1"], options);
  await hostRuntime({ root: "", machineId: MACHINE }, run).run("", ["journalctl"], options);
  expect(commands).toEqual([["chroot", root, "journalctl", "-n1"], ["journalctl"]]);
});

test("gives the journal up when it may not change its root", async () => {
  const stderr = "chroot: cannot change root directory: Operation not permitted\n";
  const run = async (): Promise<CommandOutput> => ({ stdout: "", stderr, exitCode: 125 });
  const options = { user: "0:0", maxBytes: 10, signal: new AbortController().signal };
  const runtime = hostRuntime({ root, machineId: MACHINE }, run);
  await expect(runtime.run("", ["sh"], options)).rejects.toMatchObject({
    name: "JournalError",
    message: stderr.trim(),
    isFinal: true,
  });
});
