import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, readFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { systemEnv } from "./packages.ts";
import { slowMs } from "../slowness.ts";

export interface DaemonPlace {
  /** Folder of `private-engine.sh` and of the engine's files; removed at the end. */
  readonly dir: string;
  /** Cgroup of all containers, in the host's hierarchies. */
  readonly cgroup: string;
  /** Socket of its API, or a file that is there once it is ready. */
  readonly socket: string | { readonly ready: string };
}

/** An engine's daemon in its own namespaces. It ends with this process. */
export interface SupervisedDaemon {
  readonly supervisorPid: number;
  /** Starts the daemon and waits until it responds. */
  start(signal?: AbortSignal): Promise<void>;
  /** Ends the daemon with SIGTERM or SIGKILL; containers keep running. */
  end(command: "stop" | "kill"): Promise<void>;
  /** Ends the engine and waits until processes and folder are gone. A second call does nothing. */
  dispose(): Promise<void>;
}

/** Starts the supervisor of an engine, but not the engine. */
export function superviseDaemon({ dir, cgroup, socket }: DaemonPlace): SupervisedDaemon {
  const supervisor = spawn(
    process.execPath,
    [join(import.meta.dirname, "supervisor.ts"), dir, cgroup],
    // In its own session, so that Ctrl-C reaches only the owner, and without the owner's DOCKER_HOST
    // and NODE_OPTIONS.
    { detached: true, stdio: ["pipe", "pipe", "pipe"], env: systemEnv() },
  );
  let stderr = "";
  supervisor.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  // Ignores errors of writes after its end; the missing reply is the error.
  supervisor.stdin.on("error", () => {});
  const closed = once(supervisor, "close");
  const replies = createInterface({ input: supervisor.stdout });
  let daemonEnded: Promise<unknown> = Promise.resolve();

  return {
    supervisorPid: supervisor.pid ?? -1,

    async start(signal?: AbortSignal): Promise<void> {
      const ended = new AbortController();
      daemonEnded = Promise.race([once(replies, "line"), closed]).then(() =>
        ended.abort(new Error("its daemon has ended")),
      );
      const limits = [
        ended.signal,
        AbortSignal.timeout(slowMs(60_000)),
        ...(signal ? [signal] : []),
      ];
      supervisor.stdin.write("start\n");
      try {
        await ready(socket, AbortSignal.any(limits));
      } catch (cause) {
        signal?.throwIfAborted();
        const log = await readFile(join(dir, "daemon.log"), "utf8").catch(() => "");
        const output = `${stderr}\n${log.slice(-4_000)}`;
        throw new Error(`the private engine did not start: ${output}`, { cause });
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

/** Resolves when the daemon is ready; rejects if the signal aborts first. */
async function ready(socket: DaemonPlace["socket"], signal: AbortSignal): Promise<void> {
  const isReady = () =>
    typeof socket === "string" ? answers(socket, signal) : isThere(socket.ready);
  while (!(await isReady())) await delay(25, undefined, { signal });
}

/** Returns whether the engine answers a ping. */
async function answers(socketPath: string, signal: AbortSignal): Promise<boolean> {
  const status = await new Promise<number | undefined>((resolve) => {
    request({ socketPath, path: "/_ping", signal }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on("error", () => resolve(undefined))
      .end();
  });
  return status === 200;
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
