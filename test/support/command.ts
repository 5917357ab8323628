import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { eventually } from "./eventually.ts";
import { programFile } from "./program.ts";

/** Outcome of a command. */
export interface CommandExit {
  /** Null if a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command of unitwatch in its own process. Disposing it kills the process. */
export class StartedCommand implements AsyncDisposable {
  readonly child: ChildProcess;
  stdout = "";
  stderr = "";
  readonly exited: Promise<CommandExit>;

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.on("data", (chunk: Buffer) => (this.stdout += chunk.toString()));
    child.stderr?.on("data", (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.exited = this.#exit();
  }

  /** Waits for text on stderr that matches. */
  async untilLogged(text: string | RegExp): Promise<void> {
    await eventually(() => {
      if (this.stderr.search(text) >= 0) return true;
      if (this.child.exitCode === null) return false;
      throw new Error(`the command ended: ${this.stdout}${this.stderr}`);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await this.exited;
  }

  async #exit(): Promise<CommandExit> {
    const [code] = (await once(this.child, "close")) as [number | null];
    return { code, stdout: this.stdout, stderr: this.stderr };
  }
}

/** Starts `unitwatch` with these arguments and this engine; the default runtime is its API. */
export function startCommand(host: string, args: readonly string[]): StartedCommand {
  const foreign = /^(?:DOCKER_|OTEL_|UNITWATCH_|NODE_(?!COMPILE_CACHE$)|NO_COLOR|FORCE_COLOR)/;
  const env = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  const isChosen = args.some((arg) => arg.startsWith("--docker.runtime="));
  const engine = [`--docker.host=${host}`, ...(isChosen ? [] : ["--docker.runtime=engine"])];
  return new StartedCommand(
    spawn(process.execPath, [programFile(), ...args, ...engine], {
      stdio: ["ignore", "pipe", "pipe"],
      env: Object.fromEntries(env),
    }),
  );
}

/** Runs `unitwatch` to its end. */
export function runCommand(host: string, args: readonly string[]): Promise<CommandExit> {
  return startCommand(host, args).exited;
}
