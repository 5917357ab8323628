import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { IN_CHROOT, isChrooted, rejectChroot } from "./chroot.ts";
import { type Engine, engineAt, newRunId } from "./docker.ts";
import { ensureCommands, missingCommands, systemEnv } from "./packages.ts";
import { type EngineTlsSettings, writeEngineFiles } from "./private-engine-files.ts";
import { superviseDaemon } from "./supervised-daemon.ts";

export interface PrivateEngineOptions {
  /** True to let containers outlive dockerd. Default false. */
  readonly liveRestore?: boolean;
  /** Folder of the engine's files; created, and removed at the end. Default: a temporary folder. */
  readonly dir?: string;
  readonly tls?: EngineTlsSettings;
  /** Folder with the engine's unpacked packages. Default: the machine's own packages. */
  readonly root?: string;
  /** True to keep images in containerd's store, which engines have since 23. Default false. */
  readonly containerdStore?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Private containerd and dockerd in their own mount and pid namespaces; the pids that it reports
 * aren't the host's. It ends with the process that started it. Its containers have only the networks
 * `none` and `host`.
 */
export interface PrivateEngine extends Engine {
  readonly isPrivate: true;
  readonly dir: string;
  /** Process that ends the engine; it ends last. */
  readonly supervisorPid: number;
  /** Ends dockerd with SIGTERM and waits for its end. containerd keeps running. */
  stopDaemon(): Promise<void>;
  /** Kills dockerd and waits for its end. containerd and the containers keep running. */
  killDaemon(): Promise<void>;
  /** Starts dockerd again and waits until it responds. */
  startDaemon(): Promise<void>;
  /** Ends the engine and waits until processes and folder are gone. A second call does nothing. */
  dispose(): Promise<void>;
}

const COMMANDS = {
  unshare: "util-linux",
  containerd: "containerd",
  runc: "runc",
  dockerd: "docker.io",
} as const;

/** Returns why a private engine can't be started; undefined if it can. */
export async function whyNoPrivateEngine(): Promise<string | undefined> {
  if (process.platform !== "linux") return "it takes Linux";
  if (process.getuid?.() !== 0) return "it takes root";
  if (await isChrooted()) return IN_CHROOT;
  const unshare = await execa("unshare", ["-m", "-p", "-f", "true"], {
    reject: false,
    env: systemEnv(),
  });
  if (unshare.exitCode !== 0) return "namespaces aren't allowed";
  const missing = await missingCommands([...Object.keys(COMMANDS), "docker"]);
  if (missing.length > 0 && (await missingCommands(["apt-get"])).length > 0) {
    return `${missing.join(", ")} missing, and apt-get too`;
  }
  return undefined;
}

/** Starts a private engine and waits until it responds. Installs missing packages with apt. */
export async function startPrivateEngine(
  options: PrivateEngineOptions = {},
): Promise<PrivateEngine> {
  await rejectChroot();
  if (options.root === undefined) await ensureCommands(COMMANDS, options.signal);
  // In newer Debian suites the client is no longer part of docker.io.
  await ensureCommands({ docker: "docker-cli" }, options.signal);

  const runId = newRunId();
  if (options.dir !== undefined) await mkdir(options.dir);
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "unitwatch-")));
  const cgroup = `unitwatch-${runId}`;
  const { liveRestore = false, containerdStore = false, tls, root } = options;
  await writeEngineFiles(dir, { cgroup, liveRestore, containerdStore, tls }, root);
  const daemon = superviseDaemon({ dir, cgroup, socket: join(dir, "docker.sock") });

  try {
    await daemon.start(options.signal);
  } catch (error) {
    await daemon.dispose();
    throw error;
  }
  return {
    ...engineAt({ host: `unix://${join(dir, "docker.sock")}`, runId }),
    isPrivate: true,
    dir,
    supervisorPid: daemon.supervisorPid,
    startDaemon: () => daemon.start(),
    stopDaemon: () => daemon.end("stop"),
    killDaemon: () => daemon.end("kill"),
    dispose: () => daemon.dispose(),
    [Symbol.asyncDispose]: () => daemon.dispose(),
  };
}
