import type { ByteSink, Process } from "./process.ts";

/** Container engines, as they are named in labels and log records. */
export type EngineName = "docker" | "podman";

/** What an engine tells of itself. */
export interface EngineVersions {
  /** The engine's own, such as `20.10.24`; undefined where it doesn't tell. */
  readonly engine: string | undefined;
  /** Of its API, as far as we know it too: `1.41`. */
  readonly api: string;
}

/** A process whose input is open. */
export interface InteractiveProcess extends Process {
  readonly stdin: ByteSink;
}

/** What a command that ran to its end gave. */
export interface CommandOutput {
  readonly stdout: string;
  readonly exitCode: number | undefined;
  /** The end of its stderr; "" where it isn't told. */
  readonly stderr: string;
}

export interface RuntimeExecOptions {
  /** `UID:GID`; the container's own default where it is left out. */
  readonly user?: string;
  readonly signal: AbortSignal;
}

/** What inspecting containers gave; those that are gone are left out. */
export interface InspectAnswer {
  /** Inspect documents as the engine gives them. */
  readonly documents: readonly unknown[];
  /** Containers that can't be inspected, though the engine could be asked. */
  readonly failures: readonly { readonly id: string; readonly error: Error }[];
}

export interface InspectOptions {
  /** How long one container may take. */
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

/**
 * One way to talk to a container engine. It moves bytes and JSON; what they mean is the sources'
 * business. Every method rejects with an Error whose message names what failed and why.
 */
export interface ContainerRuntime {
  /** How it talks: `cli` by the engine's command, `engine` by its API. */
  readonly kind: "cli" | "engine";
  /** What it talks to, as far as it is known by now. */
  readonly engine: EngineName;
  /** Where it is, as DOCKER_HOST has it but for a user; undefined where the command alone knows. */
  readonly where?: string | undefined;
  /** As it told last; undefined before it did, and where it isn't asked. */
  readonly versions?: EngineVersions | undefined;
  /**
   * Opens the stream of container events, one JSON document a line, from `sinceNs` on (inclusive,
   * Unix nanoseconds), for the actions given. It ends when the engine ends it or on `kill()`, and
   * where `untilNs` is given after the events up to then.
   */
  events(options: {
    readonly sinceNs: bigint;
    readonly untilNs?: bigint;
    readonly actions: readonly string[];
    readonly signal: AbortSignal;
  }): Promise<Process>;
  /** Ids of all containers that the filters let through, running or not. */
  list(signal: AbortSignal): Promise<readonly string[]>;
  /**
   * What the listing says of each container: `Id`, `Names`, `Image`, `State` and `Labels`, as the
   * API has them, or as texts with commas.
   */
  summaries(signal: AbortSignal): Promise<readonly unknown[]>;
  /** Rejects where it is the way to the engine that fails; a container fails by itself. */
  inspect(ids: readonly string[], options: InspectOptions): Promise<InspectAnswer>;
  /**
   * Runs a command in a running container with stdin and stdout open, and without a terminal.
   * Its exit code tells a missing binary as 126 or 127. `signal` ends the attempt to start it;
   * once started it is the caller's to end: by `stdin.end()` where the command heeds that, since
   * `kill()` ends the way to it, and not what runs in the container.
   */
  exec(
    container: string,
    command: readonly string[],
    options: RuntimeExecOptions,
  ): Promise<InteractiveProcess>;
  /** Runs a command in a running container to its end; rejects where its output is too large. */
  run(
    container: string,
    command: readonly string[],
    options: RuntimeExecOptions & { readonly maxBytes: number },
  ): Promise<CommandOutput>;
}
