import { copyFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface EngineSettings {
  /** Cgroup of all containers, in the host's hierarchies. */
  readonly cgroup: string;
  readonly liveRestore: boolean;
  /** Address for TLS clients with a certificate; undefined: none. */
  readonly tls: EngineTlsSettings | undefined;
  /** True to keep images in containerd's store. */
  readonly containerdStore: boolean;
}

/** Free port of the loopback interface, and paths of PEM files. */
export interface EngineTlsSettings {
  readonly port: number;
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/**
 * Copies `private-engine.sh` into its folder, with the script of the engine that it runs.
 *
 * @param root folder with the engine's unpacked packages; undefined: the machine's own are used
 */
export async function layEngineScripts(dir: string, engine: string, root?: string): Promise<void> {
  if (root !== undefined) await symlink(root, join(dir, "root"));
  await copyFile(join(import.meta.dirname, "private-engine.sh"), join(dir, "private-engine.sh"));
  await copyFile(engine, join(dir, "engine.sh"));
}

/** Writes the files that `private-engine.sh` needs for docker, with the daemons' configurations. */
export async function writeEngineFiles(
  dir: string,
  settings: EngineSettings,
  root?: string,
): Promise<void> {
  const at = (name: string) => join(dir, name);
  const dockerd = {
    "data-root": at("docker"),
    "exec-root": at("exec"),
    pidfile: at("docker.pid"),
    hosts: [
      `unix://${at("docker.sock")}`,
      ...(settings.tls === undefined ? [] : [`tcp://127.0.0.1:${settings.tls.port}`]),
    ],
    ...(settings.tls === undefined ? {} : tlsOf(settings.tls)),
    containerd: at("containerd.sock"),
    "live-restore": settings.liveRestore,
    "cgroup-parent": `/${settings.cgroup}`,
    // The systemd driver would create units in the host's systemd.
    "exec-opts": ["native.cgroupdriver=cgroupfs"],
    bridge: "none",
    iptables: false,
    ...(settings.containerdStore ? { features: { "containerd-snapshotter": true } } : {}),
    "ip-forward": false,
    "ip-masq": false,
  };
  // Disabled: one plugin needs a network, the other writes to /opt.
  const containerd = `version = 2
root = ${JSON.stringify(at("containerd"))}
state = ${JSON.stringify(at("containerd-state"))}
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
address = ${JSON.stringify(at("containerd.sock"))}
`;
  await writeFile(at("daemon.json"), JSON.stringify(dockerd, null, 2));
  await writeFile(at("containerd.toml"), containerd);
  await layEngineScripts(dir, join(import.meta.dirname, "docker-engine.sh"), root);
}

function tlsOf({ caFile, certFile, keyFile }: EngineTlsSettings) {
  return { tlsverify: true, tlscacert: caFile, tlscert: certFile, tlskey: keyFile };
}
