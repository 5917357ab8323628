import { type ChildProcess, spawn } from "node:child_process";
import type { Process, ProcessExit } from "../../domain/process.ts";
import type { CommandOutput } from "../../domain/runtime.ts";
import { collectOutput, type CollectOptions } from "../../platform/process/collect-output.ts";
import { keptEnd } from "../../platform/process/kept-end.ts";

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface HostProcessOptions {
  /** Its user and group. Default: those of this process. */
  readonly id?: number | undefined;
  /** File that is its input. Default: none. */
  readonly stdin?: number | undefined;
}

export type HostCommandOptions = CollectOptions & HostProcessOptions;

/**
 * Runs a command of this host and reads its output.
 *
 * @throws Error with the system's code if it can't be started; what {@link collectOutput} throws
 */
export async function runHostCommand(
  command: readonly [string, ...string[]],
  options: HostCommandOptions,
): Promise<CommandOutput> {
  return collectOutput(startHostCommand(command, options), options);
}

/** Starts a command of this host. `exited` rejects with the system's code if it can't be started. */
export function startHostCommand(
  command: readonly [string, ...string[]],
  options: HostProcessOptions,
): Process {
  const [file, ...args] = command;
  const { id, stdin } = options;
  const child: ChildProcess = spawn(file, args, {
    ...(id === undefined ? {} : { uid: id, gid: id }),
    stdio: [stdin ?? "ignore", "pipe", "pipe"],
    cwd: "/",
    env: { PATH, LC_ALL: "C" },
  });
  const exited = Promise.withResolvers<ProcessExit>();
  const { stdout, stderr: errors } = child;
  if (stdout === null || errors === null) throw new Error("a child without pipes");
  const stderr = keptEnd(errors);
  child.once("error", exited.reject);
  child.once("close", (exitCode, name) => {
    exited.resolve({
      exitCode: exitCode ?? undefined,
      signal: name ?? undefined,
      stderr: stderr(),
    });
  });
  exited.promise.catch(() => {});
  const kill = (): boolean => child.kill("SIGKILL");
  return { stdout, kill, exited: exited.promise };
}
