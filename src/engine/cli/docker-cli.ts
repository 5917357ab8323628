import { basename } from "node:path";
import { asError } from "../../platform/data/as-error.ts";
import { parseJson } from "../../platform/data/json.ts";
import { isContainerId } from "../../domain/container-name.ts";
import type { Executor, Process } from "../../domain/process.ts";
import type {
  CommandOutput,
  ContainerRuntime,
  EngineName,
  InspectAnswer,
  InspectOptions,
  InteractiveProcess,
  RuntimeExecOptions,
  RuntimeRunOptions,
} from "../../domain/runtime.ts";
import { collectOutput, type CollectOptions } from "../../platform/process/collect-output.ts";
import { inspectByCommand, whyOf } from "./cli-inspect.ts";
import { displayAddress } from "../api/engine-about.ts";
import { hostNameIn } from "../format/engine-info.ts";
import { execIds } from "../format/exec-inspect.ts";
import { eventFilters, unixSeconds } from "../format/event-query.ts";

export interface DockerCliOptions {
  /** `docker`, `podman`, or a path to one. */
  readonly command: string;
  /** Engine address; undefined takes the command's default. */
  readonly host: string | undefined;
  /** Engine filters such as `label=a=b`, sent with events and listings. */
  readonly filters: readonly string[];
  /** Time limit of a listing. Default 2 minutes. */
  readonly listLimitMs?: number;
}

const MAX_LISTING_BYTES = 64 * 1024 * 1024;
const LIST_LIMIT_MS = 120_000;
/** Lists fields by name: `{{json .}}` would make the engine measure the containers' sizes. */
const SUMMARY_FORMAT =
  '{"Id":{{json .ID}},"Names":{{json .Names}},"Image":{{json .Image}},' +
  '"State":{{json .State}},"Labels":{{json .Labels}}}';

/**
 * The engine by its command, `docker` or `podman`: one process a call, and one for each open stream.
 *
 * The folder imports domain, format, platform and the address helpers of api. Always holds: every
 * output has a bound in bytes, every command but a stream one in time.
 */
export class DockerCli implements ContainerRuntime {
  readonly kind = "cli";
  readonly engine: EngineName;
  readonly where: string | undefined;
  readonly #executor: Executor;
  readonly #command: string;
  readonly #globalArgs: readonly string[];
  readonly #filterArgs: readonly string[];
  readonly #eventFilterArgs: readonly string[];
  readonly #listLimitMs: number;
  readonly #running = new Set<Process>();

  constructor(executor: Executor, options: DockerCliOptions) {
    this.#executor = executor;
    this.#command = options.command;
    this.engine = basename(options.command).startsWith("podman") ? "podman" : "docker";
    this.where = options.host === undefined ? undefined : displayAddress(options.host);
    const hostFlag = this.engine === "podman" ? "--url" : "--host";
    this.#globalArgs = options.host === undefined ? [] : [hostFlag, options.host];
    this.#listLimitMs = options.listLimitMs ?? LIST_LIMIT_MS;
    this.#filterArgs = filterArgs(options.filters);
    // Events support fewer filters than listings.
    this.#eventFilterArgs = filterArgs(eventFilters(options.filters));
  }

  async events(options: {
    readonly sinceNs: bigint;
    readonly untilNs?: bigint;
    readonly actions: readonly string[];
    readonly signal: AbortSignal;
  }): Promise<Process> {
    return this.#stream(
      [
        "events",
        "--since",
        unixSeconds(options.sinceNs),
        ...(options.untilNs === undefined ? [] : this.#untilArgs(options.untilNs)),
        "--filter",
        "type=container",
        ...options.actions.flatMap((action) => ["--filter", `event=${action}`]),
        ...this.#eventFilterArgs,
        "--format",
        "{{json .}}",
      ],
      options.signal,
    );
  }

  /** podman prints no event if `--until` is in the past; without a stream it prints all up to now. */
  #untilArgs(untilNs: bigint): readonly string[] {
    return this.engine === "podman" ? ["--stream=false"] : ["--until", unixSeconds(untilNs)];
  }

  async hostName(): Promise<string | undefined> {
    const { signal } = new AbortController();
    const args = ["info", "--format", "{{json .}}"];
    const { stdout, exitCode, stderr } = await this.#runWithin(args, {
      limitMs: this.#listLimitMs,
      signal,
    });
    // Docker's command describes itself, and exits with 0 or 1, if the engine is down.
    if (exitCode !== 0) throw this.#failure("info", whyOf(exitCode, stderr));
    return hostNameIn(parseJson(stdout));
  }

  async list(signal: AbortSignal): Promise<readonly string[]> {
    const lines = await this.#ps(["--quiet"], signal);
    return lines.filter(isContainerId);
  }

  async summaries(signal: AbortSignal): Promise<readonly unknown[]> {
    const lines = await this.#ps(["--format", SUMMARY_FORMAT], signal);
    return lines.map((line) => parseJson(line));
  }

  async #ps(args: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    const { stdout, exitCode, stderr } = await this.#runWithin(
      ["ps", "--all", "--no-trunc", ...args, ...this.#filterArgs],
      { limitMs: this.#listLimitMs, signal },
    );
    if (exitCode !== 0) throw this.#failure("ps", whyOf(exitCode, stderr));
    return stdout.split("\n");
  }

  async inspect(ids: readonly string[], options: InspectOptions): Promise<InspectAnswer> {
    return inspectByCommand(ids, {
      signal: options.signal,
      run: (some) => this.#runWithin(["inspect", "--type", "container", ...some], options),
      failure: (why) => this.#failure("inspect", why),
    });
  }

  async exec(
    container: string,
    command: readonly string[],
    options: RuntimeExecOptions,
  ): Promise<InteractiveProcess> {
    options.signal.throwIfAborted();
    const process = await this.#spawn(execArgs(container, command, options.user));
    if (options.signal.aborted || !hasStdin(process)) {
      process.kill();
      options.signal.throwIfAborted();
      throw new Error(`${this.#command} exec has no stdin`);
    }
    return process;
  }

  async run(
    container: string,
    command: readonly string[],
    options: RuntimeRunOptions,
  ): Promise<CommandOutput> {
    return this.#collect(execArgs(container, command, options.user), options);
  }

  /** No command of the engine reports an exec's own command. */
  async execs(container: string, signal: AbortSignal): Promise<readonly undefined[]> {
    const { stdout, exitCode, stderr } = await this.#runWithin(
      ["inspect", "--type", "container", "--format", "{{json .ExecIDs}}", container],
      { limitMs: this.#listLimitMs, signal },
    );
    if (exitCode !== 0) throw this.#failure("inspect", whyOf(exitCode, stderr));
    return execIds(parseJson(stdout)).map(() => undefined);
  }

  /** The command may be podman's by any name, which runs ps in the container. */
  async cgroups(): Promise<undefined> {}

  /** Runs a command; one that exceeds the limit has failed. */
  async #runWithin(
    args: readonly string[],
    { limitMs, signal }: { readonly limitMs: number; readonly signal: AbortSignal },
  ): Promise<CommandOutput> {
    const limit = AbortSignal.timeout(limitMs);
    const either = AbortSignal.any([signal, limit]);
    try {
      return await this.#collect(args, { maxBytes: MAX_LISTING_BYTES, signal: either });
    } catch (error) {
      if (signal.aborted || !limit.aborted) throw error;
      return { stdout: "", exitCode: undefined, stderr: `no answer in ${limitMs} ms` };
    }
  }

  async #collect(args: readonly string[], options: CollectOptions): Promise<CommandOutput> {
    options.signal.throwIfAborted();
    const process = await this.#spawn(args);
    process.stdin?.end();
    try {
      return await collectOutput(process, options);
    } catch (error) {
      options.signal.throwIfAborted();
      throw this.#failure(args[0] ?? "", asError(error).message, error);
    }
  }

  async #spawn(args: readonly string[]): Promise<Process> {
    const process = await this.#executor.start(this.#command, [...this.#globalArgs, ...args]);
    this.#running.add(process);
    const ended = (): unknown => this.#running.delete(process);
    process.exited.then(ended, ended);
    return process;
  }

  close(): void {
    for (const process of this.#running) process.kill();
  }

  /** Starts a process that the signal's abort kills, also while it is starting. */
  async #stream(args: readonly string[], signal: AbortSignal): Promise<Process> {
    signal.throwIfAborted();
    const process = await this.#spawn(args);
    const kill = (): unknown => process.kill();
    signal.addEventListener("abort", kill, { once: true });
    const unlisten = (): void => signal.removeEventListener("abort", kill);
    process.exited.then(unlisten, unlisten);
    if (signal.aborted) kill();
    return process;
  }

  #failure(verb: string, why: string, cause?: unknown): Error {
    return new Error(`${this.#command} ${verb} failed: ${why}`, { cause });
  }
}

function filterArgs(filters: readonly string[]): readonly string[] {
  return filters.flatMap((filter) => ["--filter", filter]);
}

function execArgs(
  container: string,
  command: readonly string[],
  user: string | undefined,
): readonly string[] {
  const userArgs = user === undefined ? [] : ["--user", user];
  return ["exec", "--interactive", ...userArgs, container, ...command];
}

function hasStdin(process: Process): process is InteractiveProcess {
  return process.stdin !== undefined;
}
