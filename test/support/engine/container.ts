import { type DockerOptions, type DockerResult, type Engine, TEST_LABEL } from "./docker.ts";
import { eventually } from "../eventually.ts";
import { ensureImage, imageName } from "./images.ts";

/** What `docker inspect` says of a container, as far as tests look at it. */
export interface ContainerInfo {
  readonly Id: string;
  /** With a slash in front. */
  readonly Name: string;
  /** By the restart policy alone. */
  readonly RestartCount: number;
  readonly State: {
    readonly Status: string;
    readonly Running: boolean;
    readonly Paused: boolean;
    readonly OOMKilled: boolean;
    readonly ExitCode: number;
    /** RFC 3339. */
    readonly StartedAt: string;
    readonly FinishedAt: string;
  };
  readonly Config: { readonly Image: string; readonly Labels: Readonly<Record<string, string>> };
}

/** A process in a container, by its pid as the engine sees it. */
export interface ContainerProcess {
  readonly pid: number;
  readonly args: string;
}

/** How a command runs in a container. */
export interface ExecOptions extends DockerOptions {
  /** As `docker exec --user` takes it. Default: the image's. */
  readonly user?: string;
}

/** A container that a test made; disposing it removes it. */
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

  /** Gives the command's stdout; throws, with its stderr, on another exit code than 0. */
  exec(args: readonly string[], options: ExecOptions = {}): Promise<string> {
    return this.engine.docker(this.#execArgs(args, options), options);
  }

  tryExec(args: readonly string[], options: ExecOptions = {}): Promise<DockerResult> {
    return this.engine.tryDocker(this.#execArgs(args, options), options);
  }

  /** All processes in the container; a paused or stopped one can't be asked. */
  async processes(): Promise<ContainerProcess[]> {
    const lines = await this.engine.docker(["top", this.id, "-eo", "pid,args"]);
    return lines
      .split("\n")
      .slice(1)
      .map((line) => {
        const [, pid, args] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? [];
        return { pid: Number(pid), args: args ?? "" };
      });
  }

  async inspect(): Promise<ContainerInfo> {
    const json = await this.engine.docker(["inspect", "--type", "container", this.id]);
    const [info] = JSON.parse(json) as [ContainerInfo];
    return info;
  }

  pause = (): Promise<void> => this.#do("pause");
  unpause = (): Promise<void> => this.#do("unpause");
  start = (): Promise<void> => this.#do("start");
  /** As by its stop signal; by SIGKILL after `graceSeconds`. */
  stop = (graceSeconds = 10): Promise<void> => this.#do("stop", "--time", String(graceSeconds));
  restart = (graceSeconds = 10): Promise<void> =>
    this.#do("restart", "--time", String(graceSeconds));
  kill = (signal = "SIGKILL"): Promise<void> => this.#do("kill", "--signal", signal);
  /** Whatever state it is in; does nothing if it is gone. */
  remove = (): Promise<void> => this.#do("rm", "--force", "--volumes");

  async rename(name: string): Promise<void> {
    await this.engine.docker(["rename", this.id, name]);
    this.#name = name;
  }

  /**
   * Waits until the command that {@link startContainer} has by default heeds SIGTERM in the life of
   * this number. Sent before that, the signal is lost, or ends it in another way.
   */
  async heeds(life = 1): Promise<void> {
    const lives = async () => (await this.engine.docker(["logs", this.id])).split(HEEDS).length - 1;
    await eventually(async () => (await lives()) >= life);
  }

  /** Waits until it has ended, at most a minute; gives the exit code. */
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

  async #do(command: string, ...options: readonly string[]): Promise<void> {
    await this.engine.docker([command, ...options, this.id]);
  }
}

export interface ContainerOptions {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Default: that of busybox. */
  readonly image?: string;
  /** Default: sleeps, and ends at once, with exit code 0, on SIGTERM. */
  readonly command?: readonly string[];
  /** More options of `docker run`. */
  readonly args?: readonly string[];
}

/** What the default command says once it heeds SIGTERM. */
const HEEDS = "heeds SIGTERM";

/** Starts an ordinary container, without systemd and without network. */
export async function startContainer(
  engine: Engine,
  options: ContainerOptions,
): Promise<TestContainer> {
  await ensureImage(engine, "busybox");
  const id = await runContainer(engine, {
    image: imageName("busybox"),
    command: ["sh", "-c", `trap 'exit 0' TERM; echo ${HEEDS}; sleep 1000000 & wait`],
    ...options,
  });
  const container = new TestContainer(engine, id, options.name);
  if (options.command === undefined) await container.heeds();
  return container;
}

/**
 * Starts a container that the kernel's OOM killer ends at once: `oom`, then `die` with exit code
 * 137, and `State.OOMKilled`.
 */
export function oomContainer(
  engine: Engine,
  options: Omit<ContainerOptions, "image" | "command">,
): Promise<TestContainer> {
  const limits = ["--memory", "16m", "--memory-swap", "16m"];
  return startContainer(engine, {
    ...options,
    command: ["tail", "/dev/zero"],
    args: [...limits, ...(options.args ?? [])],
  });
}

/** `docker run`, detached, labelled as this run's; gives the container's id. */
export function runContainer(
  engine: Engine,
  options: Required<Pick<ContainerOptions, "image" | "command">> & ContainerOptions,
): Promise<string> {
  const { name, labels = {}, image, command, args = [] } = options;
  const marks = Object.entries({ ...labels, [TEST_LABEL]: engine.runId });
  return engine.docker([
    "run",
    "--detach",
    "--pull=never",
    "--network=none",
    `--name=${name}`,
    ...marks.map(([key, value]) => `--label=${key}=${value}`),
    ...args,
    image,
    ...command,
  ]);
}
