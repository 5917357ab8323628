import { chmod, mkdir, mkdtemp, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { unpackedPackage } from "../debian-command.ts";
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

export async function startPrivatePodman(): Promise<PrivatePodman> {
  const runId = newRunId();
  const dir = await mkdtemp(join(tmpdir(), "unitwatch-"));
  const cgroup = `unitwatch-${runId}`;
  const at = (name: string): string => join(dir, name);
  await layEngineScripts(dir, join(import.meta.dirname, "podman-engine.sh"));
  await writeFile(at("containers.conf"), CONTAINERS_CONF);
  let command = "podman";
  if ((await missingCommands(["podman"])).length > 0) {
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

/** Writes a script that runs the unpacked podman with its libraries. */
async function writeCommand(folder: string, packages: string): Promise<string> {
  await mkdir(folder);
  const path = join(folder, "podman");
  const libraries = `$(echo "${packages}"/usr/lib/*-linux-gnu)`;
  const podman = `"${packages}/usr/bin/podman"`;
  await writeFile(path, `#!/bin/sh\nLD_LIBRARY_PATH=${libraries} exec ${podman} "$@"\n`);
  await chmod(path, 0o755);
  return path;
}
