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

const OK = `OK ${"0".repeat(32)}\r\n`;

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
  const { take } = new RecordedSink(history);
  const abort = new AbortController();
  const done = source.run(take, { signal: abort.signal }).then(
    () => undefined,
    (error: unknown) => error as Error,
  );
  const saw = (what: RegExp): Promise<void> =>
    until(() => history.some((line) => what.test(line)), 50_000);
  return { runtime, clock, source, take, history, abort, done, saw };
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
  ["absent", "", async () => {}],
  ["absent", ", though it is to come", () => addUnit("lib/systemd/system")],
  ["outside", " while the node boots or stops", () => inTransition()],
] as const)("is %s when the bus doesn't answer for 10 s%s", async (verdict, _when, prepare) => {
  await prepare();
  const connections = await tree.listen(BUS_SOCKET);
  const { done, clock } = watch();
  await until(() => connections.length > 0, 50_000);
  await until(() => clock.pendingTimers > 0, 50_000);
  await clock.advance(10_000);
  expect(await done).toMatchObject({ verdict });
  const [connection] = connections;
  if (connection !== undefined && !connection.closed) await once(connection.resume(), "close");
});

test("is outside when the bus doesn't answer because of a pause", async () => {
  let isPaused = false;
  const connections = await tree.listen(BUS_SOCKET);
  const { done, clock } = watch({ isPaused: () => isPaused });
  await until(() => connections.length > 0, 50_000);
  await until(() => clock.pendingTimers > 0, 50_000);
  isPaused = true;
  await clock.advance(10_000);
  expect(await done).toMatchObject({ verdict: "outside" });
});

test("is broken when the bus falls silent after it has let us in", async () => {
  await tree.listen(BUS_SOCKET, (socket) => void socket.once("data", () => socket.write(OK)));
  const { done, clock } = watch();
  await until(() => clock.pendingTimers > 1, 50_000);
  await clock.advance(10_000);
  expect(await done).toMatchObject({ verdict: "broken" });
});

test("shows that systemd stops when it cuts three connections to a bus that is to come", async () => {
  await addUnit("lib/systemd/system");
  const connections = await tree.listen(BUS_SOCKET, (socket) => socket.destroy());
  const { clock, done, history } = watch();
  for (let cuts = 1; cuts < 3; cuts += 1) {
    await until(() => clock.nextTimerMs === 100, 50_000);
    expect(history).toEqual([]);
    await clock.advance(100);
  }
  expect(await done).toMatchObject({ verdict: "outside" });
  expect(connections).toHaveLength(3);
  expect(history).toEqual([expect.stringMatching(/^manager .*stopping/)]);
});

test("watches when only one connection was cut", async () => {
  await addUnit("lib/systemd/system");
  const { systemds } = await tree.bus({ cuts: 1 });
  const { clock, saw, history, abort, done } = watch();
  await until(() => clock.nextTimerMs === 100, 50_000);
  await clock.advance(100);
  await saw(/^manager /);
  expect(systemds).toHaveLength(1);
  expect(history.some((line) => line.includes("stopping"))).toBe(false);
  abort.abort();
  expect(await done).toBeUndefined();
});

test("connects to no paused container", async () => {
  const { connections } = await tree.bus();
  expect(await watch({ isPaused: () => true }).done).toMatchObject({ verdict: "outside" });
  expect(connections).toEqual([]);
});

/** systemd says that it boots or stops, and its bus is to come. */
async function inTransition(): Promise<void> {
  await addUnit("lib/systemd/system");
  await writeFile(join(tree.root, "run/nologin"), "System is booting up.\n");
}

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
  expect(await done).toMatchObject({ verdict: "absent", isLasting: false });
});

test.each<[string, number, () => Promise<Partial<SocketSourceOptions>>]>([
  ["systemd says that it boots or stops", 90_000, async () => (await inTransition(), {})],
  [
    "the container was just started",
    30_000,
    async () => (await addUnit("lib/systemd/system"), { startedAtNs: new FakeClock().nowNs() }),
  ],
])("waits longer for a bus that is to come when %s", async (_when, limitMs, prepare) => {
  const { clock, done } = watch(await prepare());
  await until(() => clock.pendingTimers > 0, 50_000);
  await clock.advance(limitMs - 1_000);
  expect(await Promise.race([done, Promise.resolve("waits")])).toBe("waits");
  await clock.advance(1_500);
  expect(await done).toMatchObject({ verdict: "absent" });
});

test.each(["etc/systemd/system", "run/systemd/generator.early"])(
  "finds the bus absent at once when the container has none, or masks it in %s",
  async (folder) => {
    const absent = { verdict: "absent", isLasting: true };
    expect(await watch().done).toMatchObject(absent);
    await addUnit("usr/lib/systemd/system");
    await mkdir(join(tree.root, folder), { recursive: true });
    await symlink("/dev/null", join(tree.root, folder, "dbus.socket"));
    expect(await watch().done).toMatchObject(absent);
  },
);

test("takes a PID 1 that it has seen for ended when the host doesn't have it any more", async () => {
  const { connections } = await tree.bus();
  const { source, take, saw, done } = watch();
  await saw(/^manager /);
  connections[0]?.end();
  expect(await done).toBeUndefined();
  await rm(join(tree.proc, String(tree.pid)), { recursive: true });
  const { signal } = new AbortController();
  await expect(source.run(take, { signal })).rejects.toMatchObject({ verdict: "outside" });
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

test("waits for no PID 1 when the container runs for long, and 5 s at most", async () => {
  await tree.bus();
  expect(await watch({ pid: () => 0 }).done).toMatchObject({ verdict: "missing" });
  const { clock, done } = watch({ pid: () => 0, hasBooted: () => false });
  await until(() => clock.pendingTimers > 0, 50_000);
  await clock.advance(5_000);
  expect(await done).toMatchObject({ verdict: "missing" });
});

test("waits for no other PID 1 when the host has another process of this number", async () => {
  await rm(join(tree.proc, "4242"), { recursive: true });
  const booting = { hasBooted: () => false };
  expect(await watch(booting).done).toMatchObject({ verdict: "missing" });
  await tree.addProcess(4242, "f".repeat(64));
  expect(await watch(booting).done).toMatchObject({ verdict: "missing" });
});
