import { execa } from "execa";

/** How one `docker` command is run. */
export interface DockerOptions {
  /** Sent to the command's stdin, which is closed after it. */
  readonly input?: string | Uint8Array;
  readonly signal?: AbortSignal;
  /** Default 60,000. */
  readonly timeoutMs?: number;
}

/** What a `docker` command gave, whether it succeeded or not; without the last newlines. */
export interface DockerResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running container engine. Disposing it removes what the tests of this run made in it. */
export interface Engine extends AsyncDisposable {
  /** As in DOCKER_HOST: `unix:///…/docker.sock`. */
  readonly host: string;
  /** Whether it was started for these tests, rather than found. */
  readonly isPrivate: boolean;
  /** Value of {@link TEST_LABEL} on each container that these tests make. */
  readonly runId: string;
  /** Runs `docker`; gives its stdout without the last newline. Throws, with stderr, on failure. */
  docker(args: readonly string[], options?: DockerOptions): Promise<string>;
  /** Like `docker`, with failure as data. Still throws when aborted or out of time. */
  tryDocker(args: readonly string[], options?: DockerOptions): Promise<DockerResult>;
}

/** The label that every container made by tests carries; its value is the run's id. */
export const TEST_LABEL = "unitwatch.test";

/** Short, unique and fit for names of files, cgroups and containers. */
export const newRunId = (): string => crypto.randomUUID().slice(0, 8);

export interface EngineAddress {
  readonly host: string;
  readonly runId: string;
  /** Default false. */
  readonly isPrivate?: boolean;
  /** The command, and its flag for the host; its other words are docker's. Default: docker. */
  readonly cli?: readonly [command: string, hostFlag: string];
}

/** An engine that somebody else looks after: disposing it does nothing. */
export function engineAt(address: EngineAddress): Engine {
  const { host, runId, isPrivate = false, cli = ["docker", "--host"] } = address;
  const [command, hostFlag] = cli;
  const tryDocker: Engine["tryDocker"] = async (args, options = {}) => {
    const result = await execa(command, [hostFlag, host, ...args], {
      reject: false,
      input: options.input ?? "",
      timeout: options.timeoutMs ?? 60_000,
      ...(options.signal && { cancelSignal: options.signal }),
    });
    // Some docker commands end with an exit code of their own when they are told to end.
    if (result.exitCode === undefined || result.timedOut || result.isCanceled) {
      throw new Error(`docker ${args.join(" ")}: ${result.shortMessage}`);
    }
    return { exitCode: result.exitCode, stdout: result.stdout, stderr: result.stderr };
  };
  return {
    host,
    runId,
    isPrivate,
    tryDocker,
    async docker(args, options) {
      const { exitCode, stdout, stderr } = await tryDocker(args, options);
      if (exitCode === 0) return stdout;
      throw new Error(`docker ${args.join(" ")}: exit code ${exitCode}: ${stderr || stdout}`);
    },
    async [Symbol.asyncDispose]() {},
  };
}
