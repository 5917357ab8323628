import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { execa } from "execa";
import { type Engine, engineAt, newRunId } from "./docker.ts";
import { startPrivateEngine, whyNoPrivateEngine } from "./private-engine.ts";

/** No engine is available, and none can be started; the message has the reason. */
export class NoEngineError extends Error {
  override name = "NoEngineError";
}

/**
 * Returns the engine of DOCKER_HOST, of the CLI's context or at the default socket if it responds,
 * else starts a private one. @throws NoEngineError if neither works
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
 * Returns an existing engine. The containers of this run are removed from it when it is disposed or
 * this process ends.
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

/** Returns the docker CLI's host if a Linux engine responds there. */
async function hostAtHand(): Promise<string | undefined> {
  const run = (args: readonly string[]) =>
    execa("docker", args, { reject: false, timeout: 5_000, input: "" });
  const context = await run(["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]);
  if (context.exitCode !== 0 || context.stdout === "") return undefined;
  const version = await run(["--host", context.stdout, "version", "--format", "{{.Server.Os}}"]);
  return version.exitCode === 0 && version.stdout === "linux" ? context.stdout : undefined;
}
