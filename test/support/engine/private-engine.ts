import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { type Engine, engineAt, newRunId } from "./docker.ts";
import { ensureCommands, missingCommands, systemEnv } from "./packages.ts";
import { type EngineTlsSettings, writeEngineFiles } from "./private-engine-files.ts";
import { superviseDaemon } from "./supervised-daemon.ts";

export interface PrivateEngineOptions {
  /** Whether containers outlive dockerd. Default false: stopping dockerd stops them. */
  readonly liveRestore?: boolean;
  /** Holds all that the engine writes; made, and removed at the end. Default: a temp folder. */
  readonly dir?: string;
  readonly tls?: EngineTlsSettings;
  readonly signal?: AbortSignal;
}

/**
 * A containerd and a dockerd of its own, out of the host's sight, in mount and pid namespaces of
 * their own (so pids that it tells aren't the host's). It ends with the process that started it,
 * however that ends. Its containers have no networks but `none` and `host`.
 */
export interface PrivateEngine extends Engine {
  readonly isPrivate: true;
  readonly dir: string;
  /** The process that ends the engine, and ends last itself. */
  readonly supervisorPid: number;
  /** SIGTERM to dockerd, and waits for its end. containerd runs on. */
  stopDaemon(): Promise<void>;
  /** SIGKILL to dockerd, and waits for its end. containerd and the containers run on. */
  killDaemon(): Promise<void>;
  /** Starts dockerd again after its end, and waits until it answers. */
  startDaemon(): Promise<void>;
  /** Ends all of it and waits until processes and folder are gone. Once more does nothing. */
  dispose(): Promise<void>;
}

const COMMANDS = {
  unshare: "util-linux",
  containerd: "containerd",
  runc: "runc",
  dockerd: "docker.io",
} as const;

/** Why a private engine can't be started here; undefined where it can. */
export async function whyNoPrivateEngine(): Promise<string | undefined> {
  if (process.platform !== "linux") return "it takes Linux";
  if (process.getuid?.() !== 0) return "it takes root";
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

/** Starts one, and waits until it answers. Installs with apt what is missing. */
export async function startPrivateEngine(
  options: PrivateEngineOptions = {},
): Promise<PrivateEngine> {
  await ensureCommands(COMMANDS, options.signal);
  // In newer Debian suites the client is no longer part of docker.io.
  await ensureCommands({ docker: "docker-cli" }, options.signal);

  const runId = newRunId();
  if (options.dir !== undefined) await mkdir(options.dir);
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "unitwatch-")));
  const cgroup = `unitwatch-${runId}`;
  const { liveRestore = false, tls } = options;
  await writeEngineFiles(dir, { cgroup, liveRestore, tls });
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
