import { chmod, mkdir, mkdtemp, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { unpackedPackage } from "../debian-command.ts";
import { rejectChroot } from "../engine/chroot.ts";
import { TestContainer } from "../engine/container.ts";
import { type Engine, engineAt, newRunId } from "../engine/docker.ts";
import { nodeTars } from "../engine/images.ts";
import { TestNode } from "../engine/node.ts";
import { missingCommands } from "../engine/packages.ts";
import { layEngineScripts } from "../engine/private-engine-files.ts";
import { superviseDaemon } from "../engine/supervised-daemon.ts";

/**
 * Private podman in its own mount and pid namespaces, with its API on a socket. It ends with the
 * process that started it. Its containers have no network. If podman isn't installed, Debian's
 * package is unpacked in the cache.
 */
export interface PrivatePodman extends Engine {
  /** Path of a podman command for this engine. */
  readonly command: string;
  /** Cgroup of all containers. */
  readonly cgroup: string;
  /** Kills the API service and waits for its end. The containers keep running. */
  killService(): Promise<void>;
  /** Ends the API service and waits for its end. The containers keep running. */
  stopService(): Promise<void>;
  /** Starts the API service again and waits until it responds. */
  startService(): Promise<void>;
  /** Starts a container with systemd and waits until it has booted. */
  startNode(container: PodmanContainer): Promise<TestNode>;
  /** Starts a busybox container. */
  startContainer(
    container: PodmanContainer & { readonly command: readonly string[] },
  ): Promise<TestContainer>;
}

export interface PodmanContainer {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** More options of `podman run`. */
  readonly args?: readonly string[];
}

// If systemd runs, podman would by default use it for cgroups, and keep its events in the journal.
const CONTAINERS_CONF = `[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[containers]
log_driver = "k8s-file"
`;

export interface PrivatePodmanOptions {
  /** Folder with podman's unpacked packages. Default: the machine's own packages, or Debian's. */
  readonly root?: string;
  /** True to give podman and its containers only cgroup v2, without controllers on a v1 host. */
  readonly unified?: boolean;
}

export async function startPrivatePodman({
  root,
  unified = false,
}: PrivatePodmanOptions = {}): Promise<PrivatePodman> {
  await rejectChroot();
  const runId = newRunId();
  const dir = await mkdtemp(join(tmpdir(), "unitwatch-"));
  const cgroup = `unitwatch-${runId}`;
  const at = (name: string): string => join(dir, name);
  await layEngineScripts(dir, join(import.meta.dirname, "podman-engine.sh"), root);
  // Without controllers there is no limit of processes.
  await writeFile(at("containers.conf"), `${CONTAINERS_CONF}${unified ? "pids_limit = 0\n" : ""}`);
  await writeFile(at("driver"), root === undefined ? "vfs" : "overlay");
  if (unified) await writeFile(at("unified"), "");
  let command = "podman";
  if (root !== undefined) {
    command = await podmanCommand(at("bin"), root);
  } else if ((await missingCommands(["podman"])).length > 0) {
    const packages = await unpackedPackage("podman", { withDependencies: true });
    await symlink(packages, at("packages"));
    command = await writeCommand(at("bin"), packages);
  }

  const daemon = superviseDaemon({ dir, cgroup, socket: at("podman.sock") });
  const engine = engineAt({
    host: `unix://${at("podman.sock")}`,
    runId,
    isPrivate: true,
    cli: [command, "--url"],
  });
  /** Root folder of the container; podman needs no image for it. */
  const run = async (
    tar: string,
    { name, labels, args = [], command: words }: PodmanContainer & { command: readonly string[] },
  ): Promise<string> => {
    const root = at(`root-${name}`);
    await mkdir(root);
    await execa("tar", ["-C", root, "-xf", tar]);
    return engine.docker([
      "run",
      "--detach",
      "--network=none",
      `--cgroup-parent=/${cgroup}`,
      `--name=${name}`,
      ...Object.entries(labels).map(([key, value]) => `--label=${key}=${value}`),
      ...args,
      "--rootfs",
      root,
      ...words,
    ]);
  };
  try {
    await daemon.start();
  } catch (error) {
    await daemon.dispose();
    throw error;
  }
  return {
    ...engine,
    command,
    cgroup,
    killService: () => daemon.end("kill"),
    stopService: () => daemon.end("stop"),
    startService: () => daemon.start(),
    async startNode(container) {
      const { node: tar } = await nodeTars("bookworm");
      const id = await run(tar, { ...container, command: ["/sbin/init"] });
      const node = new TestNode(engine, id, container.name);
      await node.ready();
      return node;
    },
    async startContainer(container) {
      const { busybox } = await nodeTars("bookworm");
      return new TestContainer(engine, await run(busybox, container), container.name);
    },
    [Symbol.asyncDispose]: () => daemon.dispose(),
  };
}

/** Runs `$packages/usr/bin/podman` with the machine's loader, or with that of its own suite. */
const PODMAN = 'LD_LIBRARY_PATH=$libraries exec "$packages/usr/bin/podman" "$@"';
const LOADER = `exec "$(echo "$packages"/lib*/ld-linux*.so.*)" \\
  --library-path "$libraries:$(echo "$packages"/lib/*-linux-gnu)" \
  "$packages/usr/bin/podman" "$@"`;

/** Writes a script that runs podman of an unpacked root of another suite; returns its path. */
export function podmanCommand(folder: string, root: string): Promise<string> {
  return writeCommand(folder, root, LOADER);
}

/** Writes a script that runs the unpacked podman with its libraries. */
async function writeCommand(folder: string, packages: string, run = PODMAN): Promise<string> {
  await mkdir(folder);
  const path = join(folder, "podman");
  const libraries = `packages='${packages}'\nlibraries=$(echo "$packages"/usr/lib/*-linux-gnu)`;
  await writeFile(path, `#!/bin/sh\n${libraries}\n${run}\n`);
  await chmod(path, 0o755);
  return path;
}
