/**
 * Engines of the matrix, each from the packages of a Debian suite, unpacked in the cache. They run in
 * private namespaces and end with this process.
 */
import type { Engine } from "../support/engine/docker.ts";
import { type PrivateEngine, startPrivateEngine } from "../support/engine/private-engine.ts";
import { suiteRoot } from "../support/debian-command.ts";
import { startPrivatePodman } from "../support/podman/private-podman.ts";

export interface MatrixEngine extends AsyncDisposable {
  readonly engine: Engine;
  /** As the engine reports it. */
  readonly version: string;
  /** Arguments of `run` for nodes. */
  readonly nodeArgs: readonly string[];
  /** Kills the daemon; containers keep running. */
  kill(): Promise<void>;
  /** Starts the daemon again and waits until it responds. */
  start(): Promise<void>;
  /** True if a command takes seconds: such a session has few units, and more time for faults. */
  readonly isSlow: boolean;
  /** True if containers have the controllers of cgroup v2: an OOM kill is a Result then. */
  readonly hasControllers: boolean;
}

export interface EnginePlan {
  readonly name: string;
  /** Note for the table: store, cgroups. */
  readonly note: string;
  open(): Promise<MatrixEngine>;
}

export const ENGINES: readonly EnginePlan[] = [
  docker("docker-20.10", "overlay2"),
  docker("docker-26.1", "overlay2", { suite: "trixie" }),
  docker("docker-28.5", "overlay2", { suite: "sid" }),
  docker("docker-28.5-containerd", "containerd store", { suite: "sid", containerdStore: true }),
  podman("podman-4.3", "cgroup v1", { suite: "bookworm" }),
  podman("podman-5.4", "cgroup v1", { suite: "trixie" }),
  podman("podman-5.8", "cgroup v1", { suite: "sid" }),
  // It refuses cgroup v1.
  podman("podman-6.1", "cgroup v2, no controllers", { suite: "experimental", unified: true }),
];

interface DockerSource {
  /** Default: the machine's own packages. */
  readonly suite?: string;
  readonly containerdStore?: boolean;
}

function docker(name: string, note: string, source: DockerSource = {}): EnginePlan {
  const { suite, containerdStore = false } = source;
  return {
    name,
    note,
    async open() {
      await using stack = new AsyncDisposableStack();
      const root =
        suite &&
        (await suiteRoot({ name: `docker-${suite}`, suite, packages: ["docker.io", "procps"] }));
      const engine: PrivateEngine = stack.use(
        await startPrivateEngine({ liveRestore: true, containerdStore, ...(root && { root }) }),
      );
      const version = await engine.docker(["version", "--format={{.Server.Version}}"]);
      const owned = stack.move();
      return {
        engine,
        version,
        isSlow: false,
        hasControllers: false,
        // With the default of 10, a slow journald loses lines of systemd.
        nodeArgs: ["--sysctl=net.unix.max_dgram_qlen=4096"],
        kill: () => engine.killDaemon(),
        start: () => engine.startDaemon(),
        [Symbol.asyncDispose]: () => owned.disposeAsync(),
      };
    },
  };
}

interface PodmanSource {
  readonly suite: string;
  readonly unified?: boolean;
}

function podman(name: string, note: string, { suite, unified = false }: PodmanSource): EnginePlan {
  return {
    name,
    note,
    async open() {
      await using stack = new AsyncDisposableStack();
      const root = await podmanRoot(suite);
      const engine = stack.use(await startPrivatePodman({ root, unified }));
      const version = await engine.docker(["version", "--format={{.Server.Version}}"]);
      const owned = stack.move();
      return {
        engine,
        version,
        isSlow: false,
        hasControllers: false,
        nodeArgs: [`--cgroup-parent=/${engine.cgroup}`, "--sysctl=net.unix.max_dgram_qlen=4096"],
        kill: () => engine.killService(),
        start: () => engine.startService(),
        [Symbol.asyncDispose]: () => owned.disposeAsync(),
      };
    },
  };
}

/** Returns the folder with podman of a suite and all that it needs. */
export function podmanRoot(suite: string): Promise<string> {
  const packages = ["podman", suite === "bookworm" ? "runc" : "crun"];
  return suiteRoot({ name: `podman-${suite}`, suite, packages });
}
