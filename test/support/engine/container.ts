import { type DockerOptions, type DockerResult, type Engine, TEST_LABEL } from "./docker.ts";
import { engineJson, engineText, execByApi, takesRequests } from "./engine-requests.ts";
import { eventually } from "../eventually.ts";
import { slowSeconds } from "../slowness.ts";
import { ensureImage, imageName } from "./images.ts";

/** Part of `docker inspect` that tests read. */
export interface ContainerInfo {
  readonly Id: string;
  /** With a leading slash. */
  readonly Name: string;
  /** Restarts by the restart policy. */
  readonly RestartCount: number;
  readonly State: {
    readonly Status: string;
    readonly Running: boolean;
    readonly Paused: boolean;
    readonly OOMKilled: boolean;
    /** In the engine's pid namespace. */
    readonly Pid: number;
    readonly ExitCode: number;
    /** RFC 3339. */
    readonly StartedAt: string;
    readonly FinishedAt: string;
  };
  readonly Config: { readonly Image: string; readonly Labels: Readonly<Record<string, string>> };
}

/** Process in a container; its pid is that of the engine's namespace, with podman the container's. */
export interface ContainerProcess {
  readonly pid: number;
  readonly args: string;
}

/** Options of a command in a container. */
export interface ExecOptions extends DockerOptions {
  /** Value of `docker exec --user`. Default: the image's user. */
  readonly user?: string;
}

/** Container of a test; disposing it removes it. */
export class TestContainer implements AsyncDisposable {
  readonly engine: Engine;
  readonly id: string;
  #name: string;

  constructor(engine: Engine, id: string, name: string) {
    this.engine = engine;
    this.id = id;
    this.#name = name;
  }

  get name(): string {
    return this.#name;
  }

  /** Returns the command's stdout. @throws with its stderr if the exit code isn't 0 */
  async exec(args: readonly string[], options: ExecOptions = {}): Promise<string> {
    const { exitCode, stdout, stderr } = await this.tryExec(args, options);
    if (exitCode === 0) return stdout;
    const command = `docker exec ${this.#name} ${args.join(" ")}`;
    throw new Error(`${command}: exit code ${exitCode}: ${stderr || stdout}`);
  }

  tryExec(args: readonly string[], options: ExecOptions = {}): Promise<DockerResult> {
    return takesRequests(this.engine)
      ? execByApi(this.engine, { ...options, container: this.id, args })
      : this.engine.tryDocker(this.#execArgs(args, options), options);
  }

  /** Returns all processes in the container, which must be running. */
  async processes(): Promise<ContainerProcess[]> {
    if (takesRequests(this.engine)) {
      const path = `/containers/${this.id}/top?ps_args=-eo%20pid,args`;
      const top = (await engineJson(this.engine, path)) as { readonly Processes: string[][] };
      return top.Processes.map(([pid, ...args]) => ({ pid: Number(pid), args: args.join(" ") }));
    }
    // podman itself takes no arguments of ps: it runs ps in the container. It has the pids there.
    const columns = this.engine.isPodman ? ["pid", "args"] : ["-eo", "pid,args"];
    const lines = await this.engine.docker(["top", this.id, ...columns]);
    return lines
      .trimEnd()
      .split("\n")
      .slice(1)
      .map((line) => {
        const [, pid, args] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? [];
        return { pid: Number(pid), args: args ?? "" };
      });
  }

  async inspect(): Promise<ContainerInfo> {
    if (takesRequests(this.engine)) {
      return (await engineJson(this.engine, `/containers/${this.id}/json`)) as ContainerInfo;
    }
    const json = await this.engine.docker(["inspect", "--type", "container", this.id]);
    const [info] = JSON.parse(json) as [ContainerInfo];
    return info;
  }

  /** Pauses it. Retries while runc can't freeze it, which happens with cgroup v1 on a busy machine. */
  pause = (): Promise<void> => eventually(() => this.#tryPause());
  unpause = (): Promise<void> => this.#do("unpause");
  start = (): Promise<void> => this.#do("start");
  /** Stops it with its stop signal, and with SIGKILL after `graceSeconds` of an idle machine. */
  stop = (graceSeconds = 10): Promise<void> =>
    this.#do("stop", "--time", slowSeconds(graceSeconds));
  restart = (graceSeconds = 10): Promise<void> =>
    this.#do("restart", "--time", slowSeconds(graceSeconds));
  kill = (signal = "SIGKILL"): Promise<void> => this.#do("kill", "--signal", signal);
  /** Removes it in any state; does nothing if it is gone. */
  remove = (): Promise<void> => this.#do("rm", "--force", "--volumes");

  async rename(name: string): Promise<void> {
    await this.engine.docker(["rename", this.id, name]);
    this.#name = name;
  }

  /**
   * Waits until the default command of {@link startContainer} handles SIGTERM in the run of this
   * number. An earlier signal is lost, or ends it in another way.
   */
  async untilTrapSet(run = 1): Promise<void> {
    await eventually(async () => (await this.#log()).split(READY).length > run);
  }

  /** Returns what it has printed to stdout. */
  #log(): Promise<string> {
    return takesRequests(this.engine)
      ? engineText(this.engine, `/containers/${this.id}/logs?stdout=1`)
      : this.engine.docker(["logs", this.id]);
  }

  /** Waits until it ended, at most a minute; returns the exit code. */
  async wait(): Promise<number> {
    return Number(await this.engine.docker(["wait", this.id]));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.remove();
  }

  #execArgs(args: readonly string[], { user, input }: ExecOptions): string[] {
    const interactive = input === undefined ? [] : ["--interactive"];
    return [
      "exec",
      ...interactive,
      ...(user === undefined ? [] : ["--user", user]),
      this.id,
      ...args,
    ];
  }

  /** Returns false if the container can't be frozen at the moment. */
  async #tryPause(): Promise<void | false> {
    const { exitCode, stderr } = await this.engine.tryDocker(["pause", this.id]);
    if (exitCode === 0) return;
    if (stderr.includes("unable to freeze")) return false;
    throw new Error(`docker pause ${this.id}: exit code ${exitCode}: ${stderr}`);
  }

  async #do(command: string, ...options: readonly string[]): Promise<void> {
    await this.engine.docker([command, ...options, this.id]);
  }
}

export interface ContainerOptions {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Default: the busybox image. */
  readonly image?: string;
  /** Default: sleeps, and ends at once, with exit code 0, on SIGTERM. */
  readonly command?: readonly string[];
  /** More options of `docker run`. */
  readonly args?: readonly string[];
}

/** Line that the default command prints once it handles SIGTERM. */
const READY = "untilTrapSet SIGTERM";
const DEFAULT_COMMAND = ["sh", "-c", `trap 'exit 0' TERM; echo ${READY}; sleep 1000000 & wait`];

/** Starts a container without systemd and without network. */
export async function startContainer(
  engine: Engine,
  options: ContainerOptions,
): Promise<TestContainer> {
  await ensureImage(engine, "busybox");
  const id = await runContainer(engine, {
    image: imageName("busybox"),
    command: DEFAULT_COMMAND,
    ...options,
  });
  const container = new TestContainer(engine, id, options.name);
  if (options.command === undefined) await container.untilTrapSet();
  return container;
}

/** Creates a container as {@link startContainer} does, without a start. */
export async function createContainer(
  engine: Engine,
  options: ContainerOptions,
): Promise<TestContainer> {
  await ensureImage(engine, "busybox");
  const facts = { image: imageName("busybox"), command: DEFAULT_COMMAND, ...options };
  const id = await engine.docker(["create", ...argumentsOf(engine, facts)]);
  return new TestContainer(engine, id, options.name);
}

/**
 * Starts a container whose main work the OOM killer ends at once: the engine sends `oom`, then `die`
 * with exit code 137, and sets `State.OOMKilled`. Its process 1 runs for a second more: of a container
 * that ends with the kill, a busy engine loses the event, or takes it too late for the state.
 */
export function oomContainer(
  engine: Engine,
  options: Omit<ContainerOptions, "image" | "command">,
): Promise<TestContainer> {
  const limits = ["--memory", "16m", "--memory-swap", "16m"];
  return startContainer(engine, {
    ...options,
    command: ["sh", "-c", "tail /dev/zero; sleep 1; exit 137"],
    args: [...limits, ...(options.args ?? [])],
  });
}

type CompleteOptions = Required<Pick<ContainerOptions, "image" | "command">> & ContainerOptions;

/** Runs a detached container with the label of this run; returns its id. */
export function runContainer(engine: Engine, options: CompleteOptions): Promise<string> {
  return engine.docker(["run", "--detach", ...argumentsOf(engine, options)]);
}

function argumentsOf(engine: Engine, options: CompleteOptions): readonly string[] {
  const { name, labels = {}, image, command, args = [] } = options;
  const marks = Object.entries({ ...labels, [TEST_LABEL]: engine.runId });
  return [
    "--pull=never",
    "--network=none",
    `--name=${name}`,
    ...marks.map(([key, value]) => `--label=${key}=${value}`),
    ...args,
    image,
    ...command,
  ];
}
