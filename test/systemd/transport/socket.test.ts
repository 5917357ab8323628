import { once } from "node:events";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { JournalRecovery } from "../../../src/systemd/session/journal-recovery.ts";
import { SocketSource, type SocketSourceOptions } from "../../../src/systemd/transport/socket.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { until } from "../../support/until.ts";
import { BUS_SOCKET, ContainerTree } from "../../support/systemd/container-tree.ts";
import { FakeRuntime } from "../../support/systemd/fake-runtime.ts";
import { RecordedSink } from "../../support/systemd/recorded-sink.ts";

let tree: ContainerTree;
beforeEach(async () => void (tree = await ContainerTree.create()));
afterEach(() => tree[Symbol.asyncDispose]());

/** Starts to watch the tree's container; nothing has happened yet when it returns. */
function watch(changed: Partial<SocketSourceOptions> = {}) {
  const runtime = new FakeRuntime();
  const clock = new FakeClock();
  const { container, pid, proc } = tree.options;
  const journal = new JournalRecovery({ runtime, container, clock });
  const source = new SocketSource({
    container,
    pid: () => pid,
    proc,
    clock,
    journal,
    hasBooted: () => true,
    ...changed,
  });
  const history: string[] = [];
  const abort = new AbortController();
  const done = source.run(new RecordedSink(history).take, { signal: abort.signal }).then(
    () => undefined,
    (error: unknown) => error as Error,
  );
  const saw = (what: RegExp): Promise<void> =>
    until(() => history.some((line) => what.test(line)), 50_000);
  return { runtime, clock, history, abort, done, saw };
}

test("watches over the container's bus, and runs nothing in the container", async () => {
  const { systemds } = await tree.bus();
  const { saw, history, runtime, abort, done } = watch();
  await saw(/^manager /);
  expect(history).toContain("attached socket");
  systemds[0]?.emit("UnitRemoved", "so", "a.service", "/u");
  await saw(/^removed a.service/);
  abort.abort();
  expect(await done).toBeUndefined();
  expect(runtime.commands).toEqual([]);
});

test.each<readonly [string, (connection: Socket) => unknown]>([
  ["ends", (connection) => connection.end()],
  ["is cut", (connection) => connection.destroy()],
])("ends without a fault when the bus %s", async (_what, end) => {
  const { connections } = await tree.bus();
  const { saw, done } = watch();
  await saw(/^manager /);
  const [connection] = connections;
  if (connection !== undefined) end(connection);
  expect(await done).toBeUndefined();
});

test.each([
  ["cuts the connection", "outside", (socket: Socket) => socket.end()],
  ["refuses the user", "broken", (socket: Socket) => socket.write("REJECTED\r\n")],
  ["speaks no D-Bus", "broken", (socket: Socket) => socket.write("HTTP/1.1 400\r\n\r\n")],
  ["sends without an end", "broken", (socket: Socket) => socket.write("x".repeat(1e6))],
] as const)("fails when the bus %s", async (_what, verdict, act) => {
  await tree.listen(BUS_SOCKET, (socket) => void socket.once("data", () => act(socket)));
  expect(await watch().done).toMatchObject({ name: "SocketError", verdict });
});

test.each([
  ["broken", false],
  ["outside", true],
] as const)(
  "is %s when the bus says nothing for 10 s; paused then: %s",
  async (verdict, pauses) => {
    let isPaused = false;
    const connections = await tree.listen(BUS_SOCKET);
    const { done, clock } = watch({ isPaused: () => isPaused });
    await until(() => connections.length > 0, 50_000);
    await until(() => clock.pendingTimers > 0, 50_000);
    isPaused = pauses;
    await clock.advance(10_000);
    expect(await done).toMatchObject({ verdict });
    const [connection] = connections;
    if (connection !== undefined && !connection.closed) await once(connection.resume(), "close");
  },
);

test("connects to no paused container", async () => {
  const { connections } = await tree.bus();
  expect(await watch({ isPaused: () => true }).done).toMatchObject({ verdict: "outside" });
  expect(connections).toEqual([]);
});

async function addUnit(folder: string): Promise<void> {
  const path = join(tree.root, folder);
  await mkdir(path, { recursive: true });
  await writeFile(join(path, "dbus.socket"), "[Socket]\n");
}

test("waits for a bus that is to come", async () => {
  await addUnit("usr/lib/systemd/system");
  const { clock, saw, abort, done } = watch();
  await until(() => clock.pendingTimers > 0, 50_000);
  await clock.advance(4_000);
  await tree.bus();
  await clock.advance(400);
  await saw(/^manager /);
  abort.abort();
  expect(await done).toBeUndefined();
});

test("waits 5 s at most for a bus that is to come", async () => {
  await addUnit("lib/systemd/system");
  const { clock, done } = watch();
  await until(() => clock.pendingTimers > 0, 50_000);
  await clock.advance(4_500);
  expect(await Promise.race([done, Promise.resolve("waits")])).toBe("waits");
  await clock.advance(500);
  expect(await done).toMatchObject({ verdict: "absent" });
});

test("finds the bus absent at once when the container has none", async () => {
  expect(await watch().done).toMatchObject({ verdict: "absent" });
  await addUnit("usr/lib/systemd/system");
  await mkdir(join(tree.root, "etc/systemd/system"), { recursive: true });
  await symlink("/dev/null", join(tree.root, "etc/systemd/system/dbus.socket"));
  expect(await watch().done).toMatchObject({ verdict: "absent" });
});

test("waits a moment for the PID 1 of a container that boots", async () => {
  await tree.bus();
  let pid = 0;
  const { clock, saw, abort, done } = watch({ pid: () => pid, hasBooted: () => false });
  await until(() => clock.pendingTimers > 0, 50_000);
  pid = tree.pid;
  await clock.advance(25);
  await saw(/^manager /);
  abort.abort();
  expect(await done).toBeUndefined();
});

test("waits for no PID 1 when the container runs for long, and 0.5 s at most", async () => {
  await tree.bus();
  expect(await watch({ pid: () => 0 }).done).toMatchObject({ verdict: "missing" });
  const { clock, done } = watch({ pid: () => 0, hasBooted: () => false });
  await until(() => clock.pendingTimers > 0, 50_000);
  await clock.advance(1_000);
  expect(await done).toMatchObject({ verdict: "missing" });
});

test("waits for no other PID 1 when the host has another process of this number", async () => {
  await rm(join(tree.proc, "4242"), { recursive: true });
  const booting = { hasBooted: () => false };
  expect(await watch(booting).done).toMatchObject({ verdict: "missing" });
  await tree.addProcess(4242, "f".repeat(64));
  expect(await watch(booting).done).toMatchObject({ verdict: "missing" });
});
