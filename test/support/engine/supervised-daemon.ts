import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { systemEnv } from "./packages.ts";

export interface DaemonPlace {
  /** What `private-engine.sh` needs, and all that the engine writes. The end removes it. */
  readonly dir: string;
  /** The cgroup, of the host's hierarchies, that all containers go into. */
  readonly cgroup: string;
  /** Where its API answers. */
  readonly socket: string;
}

/** An engine's daemon in namespaces of its own. It ends with this process, however that ends. */
export interface SupervisedDaemon {
  readonly supervisorPid: number;
  /** Starts the daemon, and waits until it answers. */
  start(signal?: AbortSignal): Promise<void>;
  /** Ends the daemon by SIGTERM or SIGKILL; containers run on. */
  end(command: "stop" | "kill"): Promise<void>;
  /** Ends all of it, and waits until processes and folder are gone. Once more does nothing. */
  dispose(): Promise<void>;
}

/** Starts the supervisor of an engine, which doesn't run yet. */
export function superviseDaemon({ dir, cgroup, socket }: DaemonPlace): SupervisedDaemon {
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
    supervisorPid: supervisor.pid ?? -1,

    async start(signal?: AbortSignal): Promise<void> {
      const ended = new AbortController();
      daemonEnded = Promise.race([once(answers, "line"), closed]).then(() =>
        ended.abort(new Error("its daemon has ended")),
      );
      const limits = [ended.signal, AbortSignal.timeout(60_000), ...(signal ? [signal] : [])];
      supervisor.stdin.write("start\n");
      try {
        await answered(socket, AbortSignal.any(limits));
      } catch (cause) {
        signal?.throwIfAborted();
        const log = await readFile(join(dir, "daemon.log"), "utf8").catch(() => "");
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
