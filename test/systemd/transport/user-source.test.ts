import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { MARK } from "../../../src/systemd/format/mark.ts";
import { SocketError } from "../../../src/systemd/transport/socket-error.ts";
import { connectToUserBus, userSource } from "../../../src/systemd/transport/user-source.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { ContainerTree } from "../../support/systemd/container-tree.ts";
import { FakeRuntime } from "../../support/systemd/fake-runtime.ts";
import { RecordedSink } from "../../support/systemd/recorded-sink.ts";
import { until } from "../../support/until.ts";

const USER = "1000";
const BUS = `run/user/${USER}/bus`;
/** User of the host that it is: this process, unless that may become another. */
const HOST_UID = process.geteuid?.() === 0 ? 101_000 : (process.geteuid?.() ?? 0);
const { signal } = new AbortController();

/** A tree in which a systemd of a user, and its bus, run as children of PID 1. */
async function treeWithBus({ bus = "dbus-daemon", uid = HOST_UID } = {}): Promise<ContainerTree> {
  const tree = await ContainerTree.create();
  await tree.write(tree.pid, "uid_map", `1000 ${HOST_UID} 1\n`);
  await addChildren(tree, tree.pid, [50, 51]);
  await addProcess(tree, 50, { name: "systemd-journal", uid: 0 });
  await addProcess(tree, 51, { name: "systemd", uid });
  await addChildren(tree, 51, [52]);
  await addProcess(tree, 52, { name: bus, uid });
  return tree;
}

async function addProcess(
  tree: ContainerTree,
  pid: number,
  { name, uid }: { readonly name: string; readonly uid: number },
): Promise<void> {
  await mkdir(join(tree.proc, String(pid)), { recursive: true });
  await tree.write(pid, "stat", `${pid} (${name}) S 1`);
  const ids = [uid, uid, uid, uid].join("\t");
  await tree.write(pid, "status", `Name:\t${name}\nUid:\t${ids}\nNSpid:\t${pid}\n`);
}

async function addChildren(
  tree: ContainerTree,
  pid: number,
  children: readonly number[],
): Promise<void> {
  const folder = join(tree.proc, String(pid), "task", String(pid));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "children"), `${children.join(" ")} `);
}

async function refusal(tree: ContainerTree): Promise<Pick<SocketError, "verdict" | "message">> {
  const error: unknown = await connectToUserBus({ ...tree.options, user: USER }, signal).then(
    () => new Error("connected"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof SocketError)) throw error;
  return error;
}

test.each([["dbus-daemon"], ["dbus-broker-lau"]])(
  "connects to the bus of a user, %s, and authenticates as that user of the container",
  async (bus) => {
    await using tree = await treeWithBus({ bus });
    const connections = await tree.listen(BUS, (socket) => socket.write("hello"));
    const { stream, uid } = await connectToUserBus({ ...tree.options, user: USER }, signal);
    for await (const chunk of stream.readable) {
      expect(String(chunk)).toBe("hello");
      break;
    }
    stream.close();
    expect(uid).toBe(1_000);
    expect(connections).toHaveLength(1);
    expect(process.geteuid?.()).toBe(process.getuid?.());
  },
);

test.each([
  ["no bus of the user runs, for a connection would start it", { bus: "sh" }],
  ["the bus is another user's", { uid: 7 }],
])("doesn't connect when %s", async (_why, options) => {
  await using tree = await treeWithBus(options);
  const connections = await tree.listen(BUS);
  expect(await refusal(tree)).toMatchObject({ verdict: "absent" });
  expect(connections).toEqual([]);
});

test("doesn't connect when the kernel doesn't show what runs, or the user isn't mapped", async () => {
  await using tree = await treeWithBus();
  await tree.listen(BUS);
  await rm(join(tree.proc, String(tree.pid), "task"), { recursive: true });
  expect(await refusal(tree)).toMatchObject({ verdict: "missing" });
  await tree.write(tree.pid, "uid_map", "0 100000 1000\n");
  expect(await refusal(tree)).toMatchObject({
    verdict: "missing",
    message: "user 1000 isn't mapped to a user of this host",
  });
});

test("follows no link that the user has put into the path of its bus", async () => {
  await using tree = await treeWithBus();
  const outside = join(tree.outside, "bus");
  const connections = await tree.listen(outside);
  await mkdir(join(tree.root, "run/user/1000"), { recursive: true });
  await symlink(outside, join(tree.root, BUS));
  expect(await refusal(tree)).toMatchObject({ verdict: "missing" });
  await rm(join(tree.root, "run/user/1000"), { recursive: true });
  await symlink(tree.outside, join(tree.root, "run/user/1000"));
  expect(await refusal(tree)).toMatchObject({ verdict: "missing" });
  expect(connections).toEqual([]);
});

test("runs the bridge to the manager's private socket as the user, and reads the journal by it", async () => {
  const runtime = new FakeRuntime();
  const history: string[] = [];
  const sink = new RecordedSink(history);
  sink.sinceNs = 1_000_000n;
  const source = userSource("dbus", {
    runtime,
    container: "c0ffee",
    clock: new FakeClock(),
    pid: () => 0,
    startedAtNs: 0n,
    hasBooted: () => true,
    user: USER,
  });
  const abort = new AbortController();
  const done = source?.run(sink.take, { signal: abort.signal });
  await until(() => history.some((line) => line.startsWith("manager ")), 50_000);
  abort.abort();
  await done;
  expect(history).toContain("attached dbus-private");
  const [bridge, , read] = runtime.commands;
  expect(bridge).toEqual({
    command: [
      "systemd-stdio-bridge",
      "-p",
      `unix:path=/run/user/1000/systemd/private,unitwatch=${MARK}`,
    ],
    user: "1000:65534",
  });
  expect(read?.command).toEqual(
    expect.arrayContaining(["_UID=1000", "_SYSTEMD_UNIT=user@1000.service"]),
  );
  expect(read?.command).not.toContain("_PID=1");
});

test.each([["busctl"], ["off"]] as const)("has no source over %s", (transport) => {
  const options = { runtime: new FakeRuntime(), container: "c0ffee", clock: new FakeClock() };
  const source = userSource(transport, { ...options, pid: () => 0, startedAtNs: 0n, user: USER });
  expect(source).toBeUndefined();
});
