import type { ByteSink, Process } from "./process.ts";

/** Container engines, as labels and log records name them; `proc` stands for none. */
export type EngineName = "docker" | "podman" | "proc";

/** Versions that an engine reports. */
export interface EngineVersions {
  /** The engine's own, such as `20.10.24`; undefined if it reports none. */
  readonly engine: string | undefined;
  /** Version of the API that both sides know: `1.41`. */
  readonly api: string;
}

/** A process whose input is open. */
export interface InteractiveProcess extends Process {
  readonly stdin: ByteSink;
}

/** Output of a command that ran to its end. */
export interface CommandOutput {
  readonly stdout: string;
  readonly exitCode: number | undefined;
  /** End of its stderr; "" if unknown. */
  readonly stderr: string;
}

export interface RuntimeExecOptions {
  /** `UID:GID`. Default: the container's own. */
  readonly user?: string;
  readonly signal: AbortSignal;
}

export interface RuntimeRunOptions extends RuntimeExecOptions {
  /** Bound of stdout. */
  readonly maxBytes: number;
  /** `latin1` for output that isn't text: each character is one byte. Default: UTF-8. */
  readonly encoding?: "utf8" | "latin1" | undefined;
}

/** Answer to an inspection; containers that are gone are absent. */
export interface InspectAnswer {
  /** Inspect documents, as the engine returned them. */
  readonly documents: readonly unknown[];
  /** Containers that can't be inspected, though the engine answers. */
  readonly failures: readonly { readonly id: string; readonly error: Error }[];
}

export interface InspectOptions {
  /** Limit for one container. */
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

/**
 * A way to talk to a container engine. It moves bytes and JSON; the sources interpret them. Every
 * method rejects with an Error whose message names what failed and why.
 */
export interface ContainerRuntime {
  /** `cli`: by the engine's command; `engine`: by its API; `proc`: without an engine. */
  readonly kind: "cli" | "engine" | "proc";
  /** Name of the engine, as far as it is known by now. */
  readonly engine: EngineName;
  /** Address of the engine, as DOCKER_HOST has it, without a user; undefined if only the command knows. */
  readonly where?: string | undefined;
  /** Why it was chosen, where that isn't plain from the configuration. */
  readonly chosen?: string | undefined;
  /** Last reported versions; undefined before, and if they aren't queried. */
  readonly versions?: EngineVersions | undefined;
  /** Returns the name of the engine's host; undefined if the engine doesn't report it. */
  hostName(): Promise<string | undefined>;
  /**
   * Opens the stream of container events, one JSON document a line, from `sinceNs` on (inclusive,
   * Unix nanoseconds), for the actions given. It ends when the engine ends it, on `kill()`, and after
   * the events up to `untilNs` if that is given.
   */
  events(options: {
    readonly sinceNs: bigint;
    readonly untilNs?: bigint;
    readonly actions: readonly string[];
    readonly signal: AbortSignal;
  }): Promise<Process>;
  /** Returns the ids of all containers that the filters let through, running or not. */
  list(signal: AbortSignal): Promise<readonly string[]>;
  /**
   * Returns the listing's entry of each container: `Id`, `Names`, `Image`, `State` and `Labels`, as
   * the API has them, or as texts with commas.
   */
  summaries(signal: AbortSignal): Promise<readonly unknown[]>;
  /** Rejects if the engine is unreachable; a container that fails is in `failures`. */
  inspect(ids: readonly string[], options: InspectOptions): Promise<InspectAnswer>;
  /**
   * Runs a command in a running container with stdin and stdout open, and without a terminal.
   * Exit code 126 or 127 stands for a missing binary. `signal` ends the attempt to start it; the
   * caller ends it once it has started: by `stdin.end()` if the command heeds that, since `kill()`
   * cuts the connection to it, and not the process in the container.
   */
  exec(
    container: string,
    command: readonly string[],
    options: RuntimeExecOptions,
  ): Promise<InteractiveProcess>;
  /** Runs a command in a running container to its end; rejects if its output is too large. */
  run(
    container: string,
    command: readonly string[],
    options: RuntimeRunOptions,
  ): Promise<CommandOutput>;
  /**
   * Returns the commands of the execs that the engine has in a container, running or about to start;
   * undefined in place of one whose command the engine doesn't report.
   */
  execs(
    container: string,
    signal: AbortSignal,
  ): Promise<readonly (readonly string[] | undefined)[]>;
  /**
   * Returns the cgroup of each process in a running container, as the engine's host has it; undefined
   * if the engine may have to start a process in the container for that.
   */
  cgroups(container: string, signal: AbortSignal): Promise<readonly string[] | undefined>;
  /**
   * Returns what a container uses now, as the API's one-shot statistics have it. Absent from a runtime
   * without them.
   */
  stats?(container: string, signal: AbortSignal): Promise<unknown>;
  /** Cuts every connection and kills every command that is still open: nothing keeps the process alive. */
  close(): void;
}
