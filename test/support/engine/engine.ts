import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { execa } from "execa";
import { type Engine, engineAt, newRunId } from "./docker.ts";
import { startPrivateEngine, whyNoPrivateEngine } from "./private-engine.ts";

/** There is no engine, and none can be started; the message says why. */
export class NoEngineError extends Error {
  override name = "NoEngineError";
}

/**
 * The engine at hand (DOCKER_HOST, the CLI's context, the default socket) if one answers, else a
 * private one. Throws {@link NoEngineError} where neither can be had.
 */
export async function acquireEngine(options: { signal?: AbortSignal } = {}): Promise<Engine> {
  const host = await hostAtHand();
  if (host !== undefined) return adoptEngine(host);
  const reason = await whyNoPrivateEngine();
  if (reason !== undefined) {
    throw new NoEngineError(`no docker engine answers, and none can be started: ${reason}`);
  }
  return startPrivateEngine(options);
}

/**
 * An engine that was there before. When it is disposed, or this process ends in whatever way, the
 * containers of this run are removed from it.
 */
function adoptEngine(host: string): Engine {
  const engine = engineAt({ host, runId: newRunId() });
  const sweeper = spawn(
    process.execPath,
    [join(import.meta.dirname, "container-sweeper.ts"), host, engine.runId],
    { detached: true, stdio: ["pipe", "ignore", "inherit"] },
  );
  const closed = once(sweeper, "close");
  return {
    ...engine,
    async [Symbol.asyncDispose]() {
      sweeper.stdin.end();
      await closed;
    },
  };
}

/** The host that the docker CLI would talk to, if a Linux engine answers there. */
async function hostAtHand(): Promise<string | undefined> {
  const run = (args: readonly string[]) =>
    execa("docker", args, { reject: false, timeout: 5_000, input: "" });
  const context = await run(["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]);
  if (context.exitCode !== 0 || context.stdout === "") return undefined;
  const version = await run(["--host", context.stdout, "version", "--format", "{{.Server.Os}}"]);
  return version.exitCode === 0 && version.stdout === "linux" ? context.stdout : undefined;
}
