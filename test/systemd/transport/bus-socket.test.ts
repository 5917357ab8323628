import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { chmod, mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { connectToBus } from "../../../src/systemd/transport/bus-socket.ts";
import { ContainerRoot } from "../../../src/systemd/transport/container-root.ts";
import { SocketError } from "../../../src/systemd/transport/socket-error.ts";
import { BUS_SOCKET, ContainerTree } from "../../support/systemd/container-tree.ts";

const IS_ROOT = process.geteuid?.() === 0;
const { signal } = new AbortController();

let tree: ContainerTree;
let openFiles: readonly string[];

beforeEach(async () => {
  tree = await ContainerTree.create();
  openFiles = readdirSync("/proc/self/fd");
});
afterEach(() => tree[Symbol.asyncDispose]());

/** Returns the verdict of a failed connection, and its message. */
async function refusal(options = tree.options): Promise<Pick<SocketError, "verdict" | "message">> {
  const error: unknown = await connectToBus(options, signal).then(
    () => new Error("connected"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof SocketError)) throw error;
  return error;
}

function filesBelow(path: string): string {
  return join(tree.root, path);
}

test("connects to the socket of a container, and is seen as user nobody", async () => {
  const connections = await tree.listen(BUS_SOCKET, (socket) => socket.write("hello"));
  const { stream, uid } = await connectToBus(tree.options, signal);
  for await (const chunk of stream.readable) {
    expect(String(chunk)).toBe("hello");
    break;
  }
  stream.close();
  expect(uid).toBe(IS_ROOT ? 65_534 : undefined);
  expect(connections).toHaveLength(1);
  expect([process.geteuid?.(), process.getegid?.()]).toEqual([
    process.getuid?.(),
    process.getgid?.(),
  ]);
});

test("is refused by a socket that is for root alone, for it connects as user nobody", async () => {
  const connections = await tree.listen(BUS_SOCKET);
  await chmod(filesBelow(BUS_SOCKET), 0);
  expect(await refusal()).toMatchObject({ verdict: "missing" });
  expect(connections).toEqual([]);
});

test("connects to nothing when the container's user namespace has the user for its root", async () => {
  const connections = await tree.listen(BUS_SOCKET);
  const uid = IS_ROOT ? 65_534 : process.geteuid?.();
  await tree.write(tree.pid, "uid_map", `0 ${uid} 1\n1 100000 65535\n`);
  expect(await refusal()).toMatchObject({
    verdict: "missing",
    message: `user ${uid} of this host is root in the container`,
  });
  expect(connections).toEqual([]);
});

/** Each makes a path lead out of the container, to a socket that listens. */
const LINKS: readonly (readonly [string, (target: string) => Promise<void>])[] = (
  ["run", "run/dbus", BUS_SOCKET] as const
).flatMap((path) => {
  const below = BUS_SOCKET.slice(path.length);
  const link = async (target: string): Promise<void> => {
    await rm(filesBelow(path), { recursive: true, force: true });
    await symlink(target, filesBelow(path));
  };
  const up = "../".repeat(path.split("/").length);
  return [
    [
      `${path} is an absolute link`,
      (outside) => link(outside.slice(0, -below.length || undefined)),
    ],
    [
      `${path} is a relative link`,
      () => link(`${up}outside/${BUS_SOCKET}`.slice(0, -below.length || undefined)),
    ],
    [
      `${path} is a link to /proc/self/root`,
      (outside) => link(`/proc/self/root${outside.slice(0, -below.length || undefined)}`),
    ],
  ] satisfies [string, (target: string) => Promise<void>][];
});

test.each(LINKS)("follows no link when %s", async (_what, make) => {
  const outside = join(tree.outside, BUS_SOCKET);
  const connections = await tree.listen(outside);
  await make(outside);
  expect(await refusal()).toMatchObject({
    verdict: "missing",
    message: expect.stringMatching(/ is a link, or no folder$| is no socket$/),
  });
  expect(connections).toEqual([]);
});

test.each<readonly [string, (path: string) => unknown]>([
  ["a file", (path) => writeFile(path, "")],
  ["a folder", (path) => mkdir(path)],
  ["a fifo", (path) => execFileSync("mkfifo", [path])],
  ["a device", (path) => IS_ROOT && execFileSync("mknod", [path, "c", "1", "3"])],
  ["a dangling link", (path) => symlink("nowhere", path)],
])("connects to nothing when the socket is %s", async (what, make) => {
  await make(filesBelow(BUS_SOCKET));
  const isMade = what !== "a device" || IS_ROOT;
  const message = isMade ? `/${BUS_SOCKET} is no socket` : `there is no /${BUS_SOCKET}`;
  expect(await refusal()).toMatchObject({ message });
});

test("finds a bus absent when there is no folder, no socket, or no listener", async () => {
  const none = `there is no /${BUS_SOCKET}`;
  expect(await refusal()).toMatchObject({ verdict: "absent", message: none });
  await rm(filesBelow("run/dbus"), { recursive: true });
  expect(await refusal()).toMatchObject({ verdict: "absent" });
  await tree.listen("first");
  await mkdir(filesBelow("run/dbus"));
  const child = await listenElsewhere(filesBelow(BUS_SOCKET), "process.exit()");
  if (child.exitCode === null) await once(child, "exit");
  expect(await refusal()).toMatchObject({
    verdict: "absent",
    message: "nothing listens on its bus's socket",
  });
});

test.each<readonly [string, () => Promise<unknown>]>([
  [
    "is in another container's cgroup",
    () => tree.write(tree.pid, "cgroup", `0::/docker-${"f".repeat(64)}.scope\n`),
  ],
  ["isn't the first of its namespace", () => tree.write(tree.pid, "status", "NSpid:\t4242\t7\n")],
  ["is in no pid namespace of its own", () => tree.write(tree.pid, "status", "NSpid:\t4242\n")],
  ["is gone", () => rm(join(tree.proc, "4242"), { recursive: true })],
  [
    "has the host's root",
    async () => {
      await rm(join(tree.proc, "4242/root"));
      await symlink("/", join(tree.proc, "4242/root"));
    },
  ],
])("connects to nothing when the process %s", async (_what, make) => {
  const { connections } = await tree.bus();
  await make();
  expect(await refusal()).toMatchObject({
    verdict: "missing",
    message: expect.stringMatching(/process 4242 of this host|the host's/),
  });
  expect(connections).toEqual([]);
});

test("knows the container by the files that the engine mounts when no cgroup names it", async () => {
  await tree.listen(BUS_SOCKET, (socket) => socket.end());
  const mounts = `/${tree.id}/hostname /etc/hostname rw - ext4 /dev/sda rw\n`;
  await tree.write(tree.pid, "cgroup", "0::/\n");
  expect(await refusal()).toMatchObject({ verdict: "missing" });
  const { proc, pid } = tree;
  const known = await readFile(`${proc}/${pid}/mountinfo`, "utf8");
  await tree.write(pid, "mountinfo", `${known}99 1 0:1 ${mounts}`);
  const { stream } = await connectToBus(tree.options, signal);
  stream.close();
});

test("tries again when a mount is newer than the list of mounts", async () => {
  const { connections } = await tree.bus();
  const { pid, proc } = tree;
  const known = await readFile(`${proc}/${pid}/mountinfo`, "utf8");
  await tree.write(pid, "mountinfo", known.replace(/^\d+/, "1"));
  expect(await refusal()).toMatchObject({ verdict: "broken" });
  expect(connections).toEqual([]);
});

test.each(["fuse.sshfs", "9p", "nfs4", "autofs"])(
  "asks no file system of type %s, which the container may serve",
  async (type) => {
    const { connections } = await tree.bus();
    const { pid, proc } = tree;
    const known = await readFile(`${proc}/${pid}/mountinfo`, "utf8");
    await tree.write(pid, "mountinfo", known.replace("ext4", type));
    const message = `its file / is on a file system ${type}`;
    expect(await refusal()).toMatchObject({ verdict: "missing", message });
    expect(connections).toEqual([]);
  },
);

test("keeps to the process that was looked at when its pid becomes another's", async () => {
  const { connections } = await tree.bus();
  const other = await ContainerTree.create();
  await using _other = other;
  const others = await other.listen(BUS_SOCKET);
  using root = ContainerRoot.open(tree.options);
  await rename(join(tree.proc, "4242"), join(tree.proc, "1"));
  await tree.addProcess(tree.pid, tree.id, other.root);
  using file = root.open(["run", "dbus"], "system_bus_socket");
  const socket = connect({ path: file.path });
  await once(socket, "connect");
  socket.destroy();
  expect([connections.length, others.length]).toEqual([1, 0]);
});

test("ends the connection when the process ended while it connected", async () => {
  const { connections } = await tree.bus();
  await rm(join(tree.proc, "4242/stat"));
  expect(await refusal()).toMatchObject({ verdict: "outside", message: "its PID 1 has ended" });
  const [connection] = connections;
  if (connection !== undefined && !connection.closed) await once(connection, "close");
});

test("waits for no bus that accepts nothing, and connects to another meanwhile", async () => {
  const child = await listenElsewhere(
    filesBelow(BUS_SOCKET),
    "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)",
  );
  const waiting: { close(): void }[] = [];
  try {
    const fill = async (): Promise<never> => {
      for (;;) waiting.push((await connectToBus(tree.options, signal)).stream);
    };
    await expect(fill()).rejects.toMatchObject({ verdict: "broken" });
    await using other = await ContainerTree.create();
    await other.bus();
    const { stream } = await connectToBus(other.options, signal);
    stream.close();
  } finally {
    for (const stream of waiting) stream.close();
    child.kill("SIGKILL");
    await once(child, "exit");
  }
});

test("leaves no file open, whatever fails", async () => {
  await refusal();
  await refusal({ ...tree.options, pid: 7 });
  await refusal({ ...tree.options, pid: 0 });
  await symlink("/", filesBelow(BUS_SOCKET));
  await refusal();
  expect(readdirSync("/proc/self/fd")).toEqual(openFiles);
});

/** Has another program listen at the path with room for one client, and then run this code. */
async function listenElsewhere(path: string, code: string): Promise<ChildProcess> {
  const script = `require("net").createServer().listen({ path: ${JSON.stringify(path)}, backlog: 1 }, () => {
    require("fs").chmodSync(${JSON.stringify(path)}, 0o666);
    require("fs").writeSync(1, "ready");
    ${code}
  })`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  return child;
}
