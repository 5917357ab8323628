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
 * A podman of its own, out of the host's sight, in mount and pid namespaces of its own, with its API
 * on a socket. It ends with the process that started it, however that ends. Its containers have no
 * network. Where podman isn't installed, it is that of Debian's package, unpacked in the cache.
 */
export interface PrivatePodman extends Engine {
  /** Path of a command called podman; without a host it would look for another one. */
  readonly command: string;
  /** Ends the service of the API, and waits for its end. The containers run on. */
  stopService(): Promise<void>;
  /** Starts it again, and waits until it answers. */
  startService(): Promise<void>;
  /** Starts a container with systemd, and waits until it has booted. */
  startNode(container: PodmanContainer): Promise<TestNode>;
  /** Starts an ordinary container of busybox. */
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

// Where systemd runs, podman would ask it for cgroups, and keep its events in the journal.
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
  /** Its root is a folder, which needs no image in podman. */
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

/** A script called podman that runs the one among the packages, with their libraries. */
async function writeCommand(folder: string, packages: string): Promise<string> {
  await mkdir(folder);
  const path = join(folder, "podman");
  const libraries = `$(echo "${packages}"/usr/lib/*-linux-gnu)`;
  const podman = `"${packages}/usr/bin/podman"`;
  await writeFile(path, `#!/bin/sh\nLD_LIBRARY_PATH=${libraries} exec ${podman} "$@"\n`);
  await chmod(path, 0o755);
  return path;
}
