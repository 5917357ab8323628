import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { RequestOptions } from "node:http";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { E2E_RUNTIME } from "./e2e-runtime.ts";
import type { ContainerReport, StatusReport } from "../../src/domain/status.ts";
import type { Engine } from "./engine/docker.ts";
import { onEngineHost, onlyChildOf } from "./engine/engine-host.ts";
import { eventually } from "./eventually.ts";
import { parseExposition, type Scrape } from "./exposition.ts";
import { type Answer, fetchFrom } from "./http-client.ts";
import { programFile } from "./program.ts";
import { slowMs } from "./slowness.ts";

const RUNTIME_ARG = `--docker.runtime=${E2E_RUNTIME}`;
const START_MS = 30_000;
const END_MS = 30_000;

export interface UnitwatchOptions {
  /** Address of the engine in the format of DOCKER_HOST. */
  readonly host: string;
  /** Watches only containers with this label `sind.cluster`. Default: all. */
  readonly cluster?: string;
  /** Value of --storage.path. Default: in memory. */
  readonly storagePath?: string;
  /** Additional flags. */
  readonly args?: readonly string[];
  /** Arguments of Node.js and the program. Default: {@link programFile}. */
  readonly run?: readonly string[];
  /** Engine whose host it runs on, in this engine's pid namespace. Default: this process's own. */
  readonly onHostOf?: Pick<Engine, "host"> | undefined;
  /** Command that runs it as a program of a node, as {@link enterNode} returns it. */
  readonly enter?: readonly string[] | undefined;
  /** Additional variables. Variables of this process that change unitwatch's behaviour are removed. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Line of the program's log. */
export interface LogLine {
  readonly time: string;
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface Exit {
  /** Null if a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface HostProcess {
  readonly pid: number;
  readonly args: string;
}

/** The program in its own process. Disposing it ends it. @throws if the exit code isn't 0 */
export class Unitwatch implements AsyncDisposable {
  readonly pid: number;
  readonly port: number;
  /** Settles when it has ended and all its output is read. */
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #output: Output;

  constructor(child: ChildProcess, output: Output, { port, pid }: { port: number; pid: number }) {
    this.pid = pid;
    this.port = port;
    this.exited = output.exited;
    this.#child = child;
    this.#output = output;
  }

  get log(): readonly LogLine[] {
    return this.#output.lines;
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Returns the state of a container; throws if it isn't known. */
  async container(name: string): Promise<ContainerReport> {
    const { text } = await this.get(`/api/v1/state?container=${encodeURIComponent(name)}`);
    const [found] = (JSON.parse(text) as StatusReport).containers;
    if (found === undefined) throw new Error(`the state has no container ${name}`);
    return found;
  }
  get(path: string, options: RequestOptions = {}): Promise<Answer> {
    return fetchFrom(this.port, path, options);
  }

  /** Scrapes `/metrics`. @throws if the response is malformed */
  async scrape(): Promise<Scrape> {
    const { status, text } = await this.get("/metrics");
    if (status !== 200) throw new Error(`/metrics responded ${status}: ${text}`);
    return parseExposition(text);
  }

  /** Scrapes until `check` neither throws nor returns false; returns that scrape. */
  async until(
    check: (scrape: Scrape) => unknown,
    options: { readonly withinMs?: number } = {},
  ): Promise<Scrape> {
    return eventually(async () => {
      if (this.hasExited) this.#failure("has ended");
      const scrape = await this.scrape();
      return (await check(scrape)) === false ? false : scrape;
    }, options);
  }

  /** Waits until the systemd of `nodes` nodes is watched. */
  untilWatching(nodes: number): Promise<Scrape> {
    return this.until(
      (scrape) => scrape.select("unitwatch_systemd_up").filter(isOne).length === nodes,
    );
  }

  /** Waits for a log line that matches; earlier lines count. */
  async untilLogged(fits: (line: LogLine) => boolean): Promise<LogLine> {
    return eventually(() => this.log.find(fits) ?? this.#failure("hasn't logged that"));
  }

  /** Resolves at the next log line. */
  nextLogged(): Promise<void> {
    return this.#output.next();
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.pid, name);
    // nsenter stops with the process that it waits for.
    if (name === "SIGCONT" && this.#child.pid !== this.pid) this.#child.kill(name);
  }

  /** Returns its running child processes. */
  children(): Promise<HostProcess[]> {
    return childrenOf(this.pid);
  }

  /** Sends SIGTERM unless it has ended, and waits for the end. */
  async stop(): Promise<Exit> {
    if (!this.hasExited) this.signal("SIGTERM");
    using _limit = killLater(this.#child);
    return this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.hasExited) return;
    const { code, signal } = await this.stop();
    if (code !== 0) this.#failure(`ended with ${code ?? signal}`);
  }

  #failure(what: string): never {
    throw new Error(`unitwatch ${what}: ${this.#output.text()}`);
  }
}

interface Output {
  readonly lines: LogLine[];
  readonly exited: Promise<Exit>;
  text(): string;
  /** Resolves at the next line. */
  next(): Promise<void>;
}

/** Starts unitwatch and waits until it listens. */
export async function startUnitwatch(options: UnitwatchOptions): Promise<Unitwatch> {
  const { host, cluster, storagePath = "", args = [], env = {}, run = [programFile()] } = options;
  const { onHostOf } = options;
  const enter = options.enter ?? (onHostOf === undefined ? [] : onEngineHost(onHostOf.host));
  const [command, ...before] = [...enter, process.execPath];
  const child = spawn(
    command,
    [
      ...before,
      ...run,
      `--docker.host=${host}`,
      ...(cluster === undefined ? [] : [`--watch.cluster=${cluster}`]),
      "--web.listen-address=127.0.0.1:0",
      `--storage.path=${storagePath}`,
      "--log.format=json",
      ...(args.some((arg) => /^--(?:docker\.)?runtime=/.test(arg)) ? [] : [RUNTIME_ARG]),
      ...args,
    ],
    { stdio: ["ignore", "inherit", "pipe"], env: { ...cleanEnv(), ...env } },
  );
  const output = readLog(child);
  try {
    const listening = await eventually(
      () => {
        const line = output.lines.find(({ msg }) => msg === "listening");
        return line ?? child.exitCode !== null;
      },
      { withinMs: START_MS },
    );
    if (listening === true) throw new Error("it ended");
    const port = Number(/:(\d+)$/.exec(String(listening["address"]))?.[1]);
    const forks = enter.filter((word) => word === "nsenter").length;
    let pid = child.pid ?? -1;
    for (let fork = 0; fork < forks; fork += 1) pid = onlyChildOf(pid) ?? pid;
    return new Unitwatch(child, output, { port, pid });
  } catch (cause) {
    child.kill("SIGKILL");
    throw new Error(`unitwatch did not start: ${output.text()}`, { cause });
  }
}

function readLog(child: ChildProcess): Output {
  const lines: LogLine[] = [];
  if (child.stderr === null) throw new Error("no stderr");
  const input = createInterface({ input: child.stderr });
  input.on("line", (line) => lines.push(parseLine(line)));
  return {
    lines,
    exited: once(child, "close").then(([code, signal]): Exit => ({ code, signal })),
    text: () => lines.map((line) => JSON.stringify(line)).join("\n"),
    next: async () => void (await once(input, "line")),
  };
}

/** Parses a line. Lines outside the log, such as the stack of an uncaught error, have the level `none`. */
function parseLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { time: "", level: "none", msg: line };
  }
}

function cleanEnv(): NodeJS.ProcessEnv {
  const foreign = /^(?:DOCKER_|MALLOC_|OTEL_|UNITWATCH_|NODE_(?!COMPILE_CACHE$))/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)));
}

/** Returns the child processes of a process. */
export async function childrenOf(parent: number): Promise<HostProcess[]> {
  const { stdout } = await execa("ps", ["-A", "-o", "ppid=,pid=,args="]);
  return stdout.split("\n").flatMap((line) => {
    const [, ppid, pid, args = ""] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return Number(ppid) === parent ? [{ pid: Number(pid), args }] : [];
  });
}

export function isRunning({ pid }: HostProcess): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function isOne({ value }: { readonly value: number }): boolean {
  return value === 1;
}

function killLater(child: ChildProcess): Disposable {
  const timer = setTimeout(() => child.kill("SIGKILL"), slowMs(END_MS));
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
