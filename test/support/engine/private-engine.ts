import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import { type Engine, engineAt, newRunId } from "./docker.ts";
import { ensureCommands, missingCommands, systemEnv } from "./packages.ts";
import { type EngineTlsSettings, writeEngineFiles } from "./private-engine-files.ts";

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
  const daemon = superviseDaemon(dir, cgroup);

  try {
    await daemon.start(options.signal);
  } catch (error) {
    await daemon.dispose();
    throw error;
  }
  return {
    ...engineAt({ host: `unix://${daemon.socket}`, runId }),
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

function superviseDaemon(dir: string, cgroup: string) {
  const socket = join(dir, "docker.sock");
  const supervisor = spawn(
    process.execPath,
    [join(import.meta.dirname, "supervisor.ts"), dir, cgroup],
    // In a session of its own, so that a Ctrl-C reaches the owner alone. A DOCKER_HOST or a
    // NODE_OPTIONS of the owner is no business of the daemons'.
    { detached: true, stdio: ["pipe", "pipe", "pipe"], env: systemEnv() },
  );
  let stderr = "";
  supervisor.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  // Writing after its end is no fault: the answer that never comes is.
  supervisor.stdin.on("error", () => {});
  const closed = once(supervisor, "close");
  const answers = createInterface({ input: supervisor.stdout });
  let daemonEnded: Promise<unknown> = Promise.resolve();

  return {
    socket,
    supervisorPid: supervisor.pid ?? -1,

    async start(signal?: AbortSignal): Promise<void> {
      const ended = new AbortController();
      daemonEnded = Promise.race([once(answers, "line"), closed]).then(() =>
        ended.abort(new Error("dockerd has ended")),
      );
      const limits = [ended.signal, AbortSignal.timeout(60_000), ...(signal ? [signal] : [])];
      supervisor.stdin.write("start\n");
      try {
        await answered(socket, AbortSignal.any(limits));
      } catch (cause) {
        signal?.throwIfAborted();
        const log = await readFile(join(dir, "dockerd.log"), "utf8").catch(() => "");
        const said = `${stderr}\n${log.slice(-4_000)}`;
        throw new Error(`the private engine doesn't start: ${said}`, { cause });
      }
    },

    async end(command: "stop" | "kill"): Promise<void> {
      supervisor.stdin.write(`${command}\n`);
      await daemonEnded;
    },

    async dispose(): Promise<void> {
      supervisor.stdin.end();
      await closed;
    },
  };
}

/** Resolves when the engine answers a ping; rejects when the signal fires first. */
async function answered(socketPath: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const status = await new Promise<number | undefined>((resolve) => {
      request({ socketPath, path: "/_ping", signal }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on("error", () => resolve(undefined))
        .end();
    });
    if (status === 200) return;
    await delay(25, undefined, { signal });
  }
}
