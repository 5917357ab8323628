import { execa } from "execa";
import { slowMs } from "../slowness.ts";

/** Options of a `docker` command. */
export interface DockerOptions {
  /** Input of the command; stdin is then closed. */
  readonly input?: string | Uint8Array;
  readonly signal?: AbortSignal;
  /** Default 60,000. */
  readonly timeoutMs?: number;
}

/** Outcome of a `docker` command; output without its last newlines. */
export interface DockerResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Running container engine. Disposing it removes the containers of this run. */
export interface Engine extends AsyncDisposable {
  /** Address in the format of DOCKER_HOST: `unix:///…/docker.sock`. */
  readonly host: string;
  /** True if it was started for these tests. */
  readonly isPrivate: boolean;
  readonly isPodman: boolean;
  /** Value of {@link TEST_LABEL} on each container of these tests. */
  readonly runId: string;
  /** Runs `docker`; returns its stdout without the last newline. @throws with stderr on failure */
  docker(args: readonly string[], options?: DockerOptions): Promise<string>;
  /** Runs `docker`; returns a failure as data. @throws when aborted or at the time limit */
  tryDocker(args: readonly string[], options?: DockerOptions): Promise<DockerResult>;
}

/** Label of every container of tests; its value is the run's id. */
export const TEST_LABEL = "unitwatch.test";

/** Returns a short unique id that is valid in names of files, cgroups and containers. */
export const newRunId = (): string => crypto.randomUUID().slice(0, 8);

export interface EngineAddress {
  readonly host: string;
  readonly runId: string;
  /** Default false. */
  readonly isPrivate?: boolean;
  /** Command and its flag for the host; it takes docker's arguments. Default: docker. */
  readonly cli?: readonly [command: string, hostFlag: string];
}

const PODMAN_HOST_FLAG = "--url";

/** Returns an engine that is managed elsewhere: disposing it does nothing. */
export function engineAt(address: EngineAddress): Engine {
  const { host, runId, isPrivate = false, cli = ["docker", "--host"] } = address;
  const [command, hostFlag] = cli;
  const tryDocker: Engine["tryDocker"] = async (args, options = {}) => {
    const result = await execa(command, [hostFlag, host, ...args], {
      reject: false,
      input: options.input ?? "",
      timeout: slowMs(options.timeoutMs ?? 60_000),
      ...(options.signal && { cancelSignal: options.signal }),
    });
    // Some docker commands set their own exit code when a signal ends them.
    if (result.exitCode === undefined || result.timedOut || result.isCanceled) {
      throw new Error(`docker ${args.join(" ")}: ${result.shortMessage}`);
    }
    return { exitCode: result.exitCode, stdout: result.stdout, stderr: result.stderr };
  };
  return {
    host,
    runId,
    isPrivate,
    isPodman: hostFlag === PODMAN_HOST_FLAG,
    tryDocker,
    async docker(args, options) {
      const { exitCode, stdout, stderr } = await tryDocker(args, options);
      if (exitCode === 0) return stdout;
      throw new Error(`docker ${args.join(" ")}: exit code ${exitCode}: ${stderr || stdout}`);
    },
    async [Symbol.asyncDispose]() {},
  };
}
