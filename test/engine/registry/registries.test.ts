import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { ContainerDescription, HostContainer } from "../../../src/domain/host-container.ts";
import { fileRegistries } from "../../../src/engine/registry/registries.ts";
import { systemClock } from "../../../src/platform/time/clock.ts";

const ID = "2f1d3a7c9b8e6f5d4c3b2a190807f6e5d4c3b2a1908f7e6d5c4b3a2918070605";
const PID = 4711;
const PARENT = 4700;

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "unitwatch-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
}

/** Writes the files of a process in the folder of processes. */
async function writeParent(args: readonly string[]): Promise<void> {
  await write(`/proc/${PID}/status`, `Name:\tsystemd\nPid:\t${PID}\nPPid:\t${PARENT}\n`);
  await write(`/proc/${PARENT}/cmdline`, args.map((arg) => `${arg}\0`).join(""));
}

const container = (facts: Partial<HostContainer>): HostContainer => ({
  runtime: "docker",
  id: ID,
  path: `/docker/${ID}`,
  pid: PID,
  startedAtNs: 0n,
  parent: PARENT,
  isProven: false,
  ...facts,
});

const registries = () => fileRegistries({ root, proc: join(root, "proc"), clock: systemClock });

/** Returns the first description, with the registry's name, as the caller takes it. */
async function described(
  facts: Partial<HostContainer>,
): Promise<(ContainerDescription & { readonly by: string }) | undefined> {
  const { signal } = new AbortController();
  for (const registry of registries()) {
    if (!registry.concerns(container(facts))) continue;
    const description = await registry.describe(container(facts), signal);
    if (description !== undefined) return { ...description, by: registry.name };
  }
  return undefined;
}

const DOCKER = `/var/lib/docker/containers/${ID}/config.v2.json`;
const dockerFile = (state: object, labels: object = {}): string =>
  JSON.stringify({
    ID,
    Name: "/sind-dev-web",
    State: { Running: true, Pid: PID, ExitCode: 0, FinishedAt: "0001-01-01T00:00:00Z", ...state },
    Config: { Image: "sind/node", Labels: labels },
  });

test("describes a container of Docker when its file has the pid", async () => {
  await write(DOCKER, dockerFile({}, { "sind.cluster": "dev" }));
  expect(await described({})).toMatchObject({
    by: "docker files",
    name: "sind-dev-web",
    image: "sind/node",
    runtime: "docker",
    labels: new Map([["sind.cluster", "dev"]]),
    isHidden: false,
  });
});

test.each([
  ["has another pid", () => dockerFile({ Pid: PID + 1 })],
  ["is no JSON", () => "{"],
  ["has no name", () => JSON.stringify({ State: { Pid: PID } })],
  ["is larger than a container's", () => dockerFile({ filler: "x".repeat(1024 * 1024) })],
])("describes nothing when Docker's file %s", async (_what, text) => {
  await write(DOCKER, text());
  expect(await described({})).toBeUndefined();
});

test("describes a container when its shim's configuration shows Docker's folder", async () => {
  const folder = `/elsewhere/containers/${ID}`;
  const mounts = [
    { source: "/var/run", destination: "/run" },
    { source: `${folder}/hostname`, destination: "/etc/hostname" },
  ];
  await write("/bundle/config.json", JSON.stringify({ mounts }));
  await write(`${folder}/config.v2.json`, dockerFile({ Pid: 0 }));
  await mkdir(join(root, `/proc/${PARENT}`), { recursive: true });
  await symlink(join(root, "/bundle"), join(root, `/proc/${PARENT}/cwd`));
  expect(await described({ isProven: true })).toMatchObject({
    by: "docker files",
    name: "sind-dev-web",
  });
  // A parent that names another container proves nothing.
  expect(await described({ isProven: false })).toBeUndefined();
});

test("names a pod's container when Docker serves Kubernetes", async () => {
  const labels = {
    "io.kubernetes.pod.namespace": "shop",
    "io.kubernetes.pod.name": "web-0",
    "io.kubernetes.container.name": "node",
    "io.kubernetes.docker.type": "container",
  };
  await write(DOCKER, dockerFile({}, labels));
  expect(await described({ runtime: "containerd" })).toMatchObject({
    name: "shop/web-0/node",
    node: "web-0/node",
    cluster: "shop",
    runtime: "docker",
  });
});

test("reports the end when Docker's file has that of this run", async () => {
  const startedAtNs = BigInt(Date.parse("2026-12-01T10:00:00Z")) * 1_000_000n;
  await write(
    DOCKER,
    dockerFile({
      Running: false,
      Pid: 0,
      ExitCode: 137,
      OOMKilled: true,
      FinishedAt: "2026-12-01T10:00:01Z",
    }),
  );
  const [docker] = registries();
  const { signal } = new AbortController();
  expect(await docker?.end?.(container({ startedAtNs }), signal)).toEqual({
    exitCode: 137,
    finishedAtNs: startedAtNs + 1_000_000_000n,
    isOutOfMemory: true,
  });
});

test("reports no end when Docker's file has that of an earlier run until the signal", async () => {
  const startedAtNs = BigInt(Date.parse("2026-12-01T10:00:02Z")) * 1_000_000n;
  await write(DOCKER, dockerFile({ Running: false, FinishedAt: "2026-12-01T10:00:01Z" }));
  const [docker] = registries();
  const ended = docker?.end?.(container({ startedAtNs }), AbortSignal.timeout(60));
  expect(await ended).toBeUndefined();
});

const TASKS = "/run/containerd/io.containerd.runtime.v2.task";
const CRI = {
  "io.kubernetes.cri.container-name": "node",
  "io.kubernetes.cri.container-type": "container",
  "io.kubernetes.cri.image-name": "docker.io/local/node:1",
  "io.kubernetes.cri.sandbox-name": "web-0",
  "io.kubernetes.cri.sandbox-namespace": "shop",
};

test.each([
  [
    "a pod's container",
    `${TASKS}/k8s.io/${ID}`,
    ID,
    CRI,
    {
      name: "shop/web-0/node",
      node: "web-0/node",
      image: "docker.io/local/node:1",
      isHidden: false,
    },
  ],
  [
    "a pod's sandbox",
    `${TASKS}/k8s.io/${ID}`,
    ID,
    { "io.kubernetes.cri.container-type": "sandbox" },
    { name: ID, isHidden: true },
  ],
  ["ctr", `${TASKS}/default/web-1`, "web-1", {}, { name: "web-1", runtime: "containerd" }],
  [
    "nerdctl",
    `${TASKS}/default/${ID}`,
    ID,
    { "nerdctl/name": "web" },
    { name: "web", runtime: "containerd" },
  ],
  [
    "k3s",
    `/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/${ID}`,
    ID,
    CRI,
    { name: "shop/web-0/node" },
  ],
])(
  "describes a task of containerd when it is of %s",
  async (_what, bundle, id, annotations, facts) => {
    await write(`${bundle}/init.pid`, `${PID}`);
    await write(`${bundle}/config.json`, JSON.stringify({ annotations }));
    const description = await described({ runtime: "containerd", id });
    expect(description).toMatchObject({ by: "containerd files", ...facts });
  },
);

test("describes nothing when containerd's task has another pid", async () => {
  await write(`${TASKS}/default/web/init.pid`, `${PID + 1}`);
  await write(`${TASKS}/default/web/config.json`, JSON.stringify({ annotations: {} }));
  expect(await described({ runtime: "containerd", id: "web" })).toBeUndefined();
});

const STORAGE = `overlay-containers/${ID}/userdata`;

test("describes a container of podman when conmon has its name", async () => {
  await write(`/run/containers/storage/${STORAGE}/pidfile`, `${PID}`);
  await write(`/var/lib/containers/storage/${STORAGE}/config.json`, JSON.stringify({}));
  await writeParent(["/usr/bin/conmon", "--api-version", "1", "-c", ID, "-n", "web"]);
  expect(await described({ runtime: "podman" })).toMatchObject({
    by: "containers-storage files",
    name: "web",
    runtime: "podman",
  });
});

test("describes a pod's container when it is CRI-O's", async () => {
  await write(`/run/containers/storage/${STORAGE}/pidfile`, `${PID}\n`);
  const annotations = {
    "io.kubernetes.pod.namespace": "shop",
    "io.kubernetes.pod.name": "web-0",
    "io.kubernetes.container.name": "node",
    "io.kubernetes.cri-o.ContainerType": "container",
    "io.kubernetes.cri-o.ImageName": "local/node:1",
  };
  await write(`/run/containers/storage/${STORAGE}/config.json`, JSON.stringify({ annotations }));
  expect(await described({ runtime: "cri-o" })).toMatchObject({
    name: "shop/web-0/node",
    image: "local/node:1",
    isHidden: false,
  });
});

test("reports the end when conmon has written the exit code", async () => {
  await write(`/run/libpod/exits/${ID}`, "3");
  const storage = registries().find(({ name }) => name === "containers-storage files");
  const { signal } = new AbortController();
  const end = await storage?.end?.(container({ runtime: "podman" }), signal);
  expect(end).toMatchObject({ exitCode: 3, isOutOfMemory: false });
});

const MACHINE = [
  "# This is private data. Do not parse.",
  "NAME=web-1",
  'SCOPE="machine-web\\\\x2d1.scope"',
  "SERVICE=systemd-nspawn",
  "ROOT=/var/lib/machines/web-1",
  `LEADER=${PID}`,
  "CLASS=container",
].join("\n");

test("describes a machine when machined's file has the pid", async () => {
  await write("/run/systemd/machines/web-1", MACHINE);
  expect(await described({ runtime: "nspawn", id: "web-1", name: "web-1" })).toMatchObject({
    by: "machined files",
    name: "web-1",
    image: "/var/lib/machines/web-1",
    runtime: "nspawn",
  });
  expect(await described({ runtime: "nspawn", id: "web-1", pid: PID + 1 })).toBeUndefined();
});

test.each([
  [
    "a shim of containerd",
    [
      "/usr/bin/containerd-shim-runc-v2",
      "-namespace",
      "work",
      "-id",
      "web",
      "-address",
      "/run/containerd/containerd.sock",
    ],
    "web",
    "containerd",
  ],
  ["a shim of dockerd", ["containerd-shim-runc-v2", "-namespace", "moby", "-id", ID], ID, "docker"],
  [
    "conmon of CRI-O",
    ["conmon", "-c", ID, "--exit-dir", "/var/run/crio/exits", "-n", "k8s_a"],
    "k8s_a",
    "cri-o",
  ],
  ["LXC's monitor", ["[lxc monitor] /var/lib/lxc web"], "web", "lxc"],
  ["Incus' monitor", ["[lxc monitor] /var/lib/incus/containers web"], "web", "incus"],
  ["LXD's monitor", ["[lxc monitor] /var/snap/lxd/common/lxd/containers web"], "web", "lxd"],
  ["lxc-start", ["lxc-start", "-F", "-n", "web"], "web", "lxc"],
  [
    "systemd-nspawn",
    ["/usr/bin/systemd-nspawn", "--boot", "--machine=web", "-D", "/x"],
    "web",
    "nspawn",
  ],
  ["systemd-nspawn, short", ["systemd-nspawn", "-bMweb", "-Mweb", "/sbin/init"], "web", "nspawn"],
  ["systemd-nspawn without a name", ["systemd-nspawn", "-b", "-D", "/x"], "unnamed", "nspawn"],
])("names a container when its parent is %s", async (_what, args, name, runtime) => {
  await writeParent(args);
  const facts = { runtime: "other", id: "unnamed" };
  expect(await described({ ...facts, isProven: true })).toMatchObject({
    by: "parent process",
    name,
    runtime,
  });
  // A user's own process isn't believed.
  const unproven = await described(facts);
  expect(unproven?.name ?? "unnamed").toBe("unnamed");
});

test.each([
  ["is no runtime's", ["/bin/sh", "-c", "containerd-shim-runc-v2 -id x"]],
  ["is a pod's shim", ["containerd-shim-runc-v2", "-namespace", "k8s.io", "-id", "other"]],
  ["has an invalid id", ["containerd-shim-runc-v2", "-namespace", "a", "-id", "../x"]],
  ["has more arguments than a runtime", ["conmon", "-c", ID, "x".repeat(64 * 1024)]],
])("names nothing when its parent %s", async (_what, args) => {
  await writeParent(args);
  expect(await described({ runtime: "other", id: "x" })).toBeUndefined();
});

test("describes nothing when no file and no process is there", async () => {
  for (const runtime of ["docker", "containerd", "podman", "cri-o", "lxc", "nspawn"]) {
    expect(await described({ runtime })).toBeUndefined();
  }
});
